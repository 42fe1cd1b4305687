"""What Hydra 1.4 does otherwise than 1.3: which targets a config may build, and the base version.

Hydra 1.4 has an app name the targets that its config may build (`execution_whitelist` of `@hydra.main`), and holds them
in the context of the function that runs. Hydra's own jobs enter it, and so must ours, wherever they run.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from hydra import utils
from hydra.core.utils import configure_log
from hydra.version import VersionBase

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from hydra.types import HydraContext
    from omegaconf import DictConfig


def allowed_targets(hydra_context: HydraContext) -> AbstractContextManager[object]:
    """Let the config build what the app allows, and nothing else; on Hydra 1.3 there is no such list."""
    allow: Any = getattr(utils, "execution_whitelist", None)
    targets: Any = getattr(hydra_context, "execution_whitelist", None)
    return contextlib.nullcontext() if allow is None else allow(targets, reset=True)


def configure_logging(node: DictConfig, verbose: Any, hydra_context: HydraContext) -> None:
    """Set logging up as `node` of the config says, with handlers that the app allows."""
    with allowed_targets(hydra_context):
        configure_log(node, verbose)


def version_base() -> Any:
    """Return what the app asked for with `version_base`: an object that travels, text on Hydra 1.4."""
    return VersionBase.instance().getbase()


def set_version_base(base: Any) -> None:
    """Make it this process's, without the warning of `hydra.version.setbase`: the app has had it."""
    if base is not None:
        VersionBase.instance().setbase(base)
