"""The Hydra callback that writes the config of a plain run as a trial's is recorded, and ends the program there."""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from hydra.experimental.callback import Callback
from omegaconf import open_dict, read_write

from qgtune.results.recorded import recorded
from qgtune.space.reading.yaml_files import dump_yaml

if TYPE_CHECKING:
    from omegaconf import DictConfig

VARIABLE = "QGTUNE_COMPOSED"
"""The environment variable that names the file to write."""
OVERRIDE = f"hydra.callbacks='${{oc.create:{{qgtune:{{_target_:{__name__}.Composed}}}}}}'"
"""Sets this callback in place of the app's: theirs may start something."""


class Composed(Callback):
    """Writes the config that the run's function would get to a file: what the app prints is no part of it."""

    def on_run_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Write it, and end the program whatever happens: after an exception here Hydra would run the job."""
        try:
            file = Path(os.environ.pop(VARIABLE))
            file.write_text(dump_yaml(_as_recorded(config)), encoding="utf-8")
        except Exception as error:  # noqa: BLE001 - whatever it is, the job must not run
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            sys.exit(1)
        sys.exit(0)


def _as_recorded(config: DictConfig) -> Any:
    """Return the function's config as plain data, resolved where its job would resolve it."""
    with read_write(config.hydra.runtime), open_dict(config.hydra.runtime):
        config.hydra.runtime.output_dir = os.path.abspath(config.hydra.run.dir)  # noqa: PTH100 - as Hydra does it
    HydraConfig.instance().set_config(config)
    task = copy.deepcopy(config)
    with read_write(task), open_dict(task):
        del task["hydra"]
    with env_override(config.hydra.job.env_set):
        return recorded(task, config.hydra)
