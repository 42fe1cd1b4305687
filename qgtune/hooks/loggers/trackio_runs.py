"""Trackio: the sweep as a group with a run of its own, and a run for each configuration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qgtune.hooks.hook import Hook
from qgtune.hooks.loggers.names import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.hooks.hook import SweepInfo, TrialInfo

_RESERVED = ("project", "run", "timestamp", "step", "time", "metrics")
_ODD = re.compile(r"[^\w.-]")


class TrackioLogger(Hook):
    """Logs to Trackio's own files on this machine, which `trackio show` shows, or to where its arguments say.

    Each attempt at a configuration goes on in the configuration's run.

    Args:
        project: its name; None for the study's.
        init: more arguments of `trackio.init`, such as `space_id` and `server_url`.
    """

    def __init__(self, project: str | None = None, **init: Any) -> None:
        require("trackio", "hydra/sweeper/logger=trackio", "trackio")
        self.project, self.init = project, init
        self._runs: dict[int, Any] = {}

    def sweep_started(self, sweep: SweepInfo) -> None:
        """Make the sweep's own run; Trackio has one open at a time."""
        self._open(sweep, "sweep").finish()

    def trial_started(self, trial: TrialInfo) -> None:
        """Start the run of a configuration, or go on with it."""
        self._runs[trial.number] = self._of(trial)

    def trial_reported(self, trial: TrialInfo, value: float, step: int) -> None:
        """Log the value as `report`."""
        if (run := self._runs.get(trial.number)) is not None:
            run.log({"report": value}, step=step)

    def trial_ended(self, trial: TrialInfo) -> None:
        """Log how the attempt ended, and finish the run."""
        run = self._runs.pop(trial.number, None) or self._of(trial)
        told = {**trial.metrics, "state": trial.state, "reason": trial.reason, "folder": str(trial.folder or "")}
        run.log(_renamed(told), step=max(trial.reports, default=0))
        run.finish()

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """Log the counts and the best trial in the sweep's own run."""
        run = self._open(sweep, "sweep")
        best = ", ".join(str(trial.number) for trial in sweep.best)
        told = {**sweep.metrics, "best": best, "folder": str(sweep.folder), "failure": sweep.failure}
        run.log(_renamed(told), step=0)
        run.finish()

    def _of(self, trial: TrialInfo) -> Any:
        return self._open(trial.sweep, trial.configuration, config=dict(trial.params))

    def _open(self, sweep: SweepInfo, key: str, **more: Any) -> Any:
        import trackio
        from trackio import run, utils

        for module in (trackio, run, utils):  # each run prints several lines between those of the trials
            vars(module).setdefault("print", _say_nothing)
        given = {
            "project": self.project or _ODD.sub("_", sweep.study_name),
            "name": f"{sweep.id}-{key}",
            "group": f"{sweep.study_name} {sweep.id}",
            "resume": "allow",
            "embed": False,
            "auto_log_cpu": False,
            "auto_log_gpu": False,
        }
        return trackio.init(**{**given, **more, **self.init})


def _renamed(told: Mapping[str, Any]) -> dict[str, Any]:
    """Rename objectives that have a name which Trackio keeps for itself."""
    return {f"value.{name}" if name in _RESERVED else name: value for name, value in told.items()}


def _say_nothing(*_texts: Any, **_how: Any) -> None:
    """Stand for `print` in another library's module."""
