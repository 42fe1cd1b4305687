"""Hyperparameter tuning for Hydra apps: Optuna trials that prune, resume and share one study over processes.

In a Hydra app: `python train.py --multirun hydra/sweeper=qgtune`. In the function that is tuned: `report`,
`set_constraint` and `current_trial`; `checkpoint_dir`, `last_step` and `on_stop` for trials that outlive their process.
In a notebook, `compose` gives an app's config with its dependencies, and `open` a study that a sweep has made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.objects import objects

if TYPE_CHECKING:
    from qgtune.errors import QGTuneError
    from qgtune.hooks.hook import Hook
    from qgtune.live import checkpoint_dir, current_trial, last_step, on_stop, report, set_constraint, target_step
    from qgtune.results.opened import open_study
    from qgtune.sweep.hydra.composing import compose

    open = open_study  # noqa: A001 - read as qgtune.open; not in __all__, where it would hide Python's own

__version__ = "0.2.0"
_LIVE = ("checkpoint_dir", "current_trial", "last_step", "on_stop", "report", "set_constraint", "target_step")
__all__ = [
    "Hook",
    "QGTuneError",
    "checkpoint_dir",
    "compose",
    "current_trial",
    "last_step",
    "objects",
    "on_stop",
    "report",
    "set_constraint",
    "target_step",
]


def __getattr__(name: str) -> Any:
    """Import what needs Hydra or Optuna when it is first used: the help of the command needs neither."""
    if name in _LIVE:
        from qgtune import live

        return getattr(live, name)
    if name == "compose":
        from qgtune.sweep.hydra.composing import compose

        return compose
    if name == "open":
        from qgtune.results.opened import open_study

        return open_study
    if name == "Hook":
        from qgtune.hooks.hook import Hook

        return Hook
    if name == "QGTuneError":
        from qgtune.errors import QGTuneError

        return QGTuneError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
