"""Sweeps and trials as hooks get them, made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.hooks.hook import SweepInfo, TrialInfo

if TYPE_CHECKING:
    from pathlib import Path


def sweep_info(folder: Path, **given: Any) -> SweepInfo:
    """Return a sweep of one objective."""
    usual: dict[str, Any] = {
        "id": "0123abcd",
        "study_name": "train",
        "folder": folder,
        "directions": ("minimize",),
        "objectives": ("value",),
        "hyperparameters": ("lr", "momentum"),
        "n_trials": 3,
    }
    return SweepInfo(**usual | given)


def trial_info(sweep: SweepInfo, number: int = 0, **given: Any) -> TrialInfo:
    """Return a trial that completed."""
    usual: dict[str, Any] = {"state": "complete", "params": {"lr": 0.1}, "values": {"value": 0.5}, "turn": 0}
    return TrialInfo(sweep, number, given.pop("configuration", str(number)), **usual | given)
