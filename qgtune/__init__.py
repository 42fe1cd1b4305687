"""Hyperparameter tuning for Hydra apps: Optuna trials that prune, resume and share one study over processes.

In a Hydra app: `python train.py --multirun hydra/sweeper=qgtune`. In the function that is tuned: `report`,
`set_constraint` and `current_trial`. In a notebook, `compose` gives an app's config with its dependencies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.objects import objects

if TYPE_CHECKING:
    from qgtune.live import current_trial, report, set_constraint
    from qgtune.sweep.hydra.composing import compose

__version__ = "0.1.0"
__all__ = ["QGTuneError", "compose", "current_trial", "objects", "report", "set_constraint"]


def __getattr__(name: str) -> Any:
    """Import what needs Optuna when it is first used: Hydra imports this package in every app."""
    if name in ("current_trial", "report", "set_constraint"):
        from qgtune import live

        return getattr(live, name)
    if name == "compose":
        from qgtune.sweep.hydra.composing import compose

        return compose
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
