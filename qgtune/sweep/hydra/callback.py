"""The Hydra callback that makes dependencies hold in runs without a sweep."""

from __future__ import annotations

import logging
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback

from qgtune.errors import QGTuneError
from qgtune.sweep.hydra import sweeper_node

if TYPE_CHECKING:
    from omegaconf import DictConfig

log = logging.getLogger("qgtune")

# Hydra 1.4 warns of a target in a config, once it has imported it, where the app lists none that it allows. This one
# stands in our own config: nothing for the app's user to mend.
warnings.filterwarnings("ignore", rf".*_target_='{re.escape(__name__)}\.", UserWarning)


class Dependencies(Callback):
    """Puts the dependencies of `hydra.sweeper.dependencies` into the composed config of a plain run.

    The config of `hydra/sweeper=qgtune` brings it along.
    """

    def on_run_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Put the dependencies in; a mistake in them ends the program with exit code 1 and one line each."""
        try:
            notices = put_dependencies(config)
        except QGTuneError as error:
            # Hydra turns an exception in a callback into a warning and goes on with a wrong config.
            sys.stderr.write(f"{error}\n")
            sys.exit(1)
        for notice in notices:
            log.warning(notice)

    def on_multirun_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Keep the space and the dependencies from being resolved too early, and the sweeper ours."""
        sweeper_node.take_out(config)
        sweeper_node.replace_official(config)


def put_dependencies(config: DictConfig) -> list[str]:
    """Put the dependencies of a composed config, with its `hydra` node, in place.

    Returns:
        A notice for each that the command line overrules.

    Raises:
        QGTuneError: with every problem of the dependencies.
    """
    from qgtune.space.dependencies.resolvers import register_resolvers
    from qgtune.space.reading.build import apply_dependencies
    from qgtune.sweep.compose.arguments import fixed_paths, task_overrides
    from qgtune.sweep.settings import read_given

    register_resolvers()
    given = read_given(config, "dependencies")
    if not given.data:
        return []
    fixed = fixed_paths(task_overrides(config), config.hydra.runtime.choices)
    return apply_dependencies(config, given.data, fixed=fixed, source=given.source)
