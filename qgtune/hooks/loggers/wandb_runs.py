"""Weights & Biases: the sweep as a group with a run of its own, and a run for each configuration."""

from __future__ import annotations

import netrc
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qgtune.hooks.hook import Hook
from qgtune.hooks.loggers.names import require

if TYPE_CHECKING:
    from qgtune.hooks.hook import SweepInfo, TrialInfo

OFFLINE = "offline"
HEAD_BYTES = 7
_ODD = re.compile(r"[/\\#?%:]")
_FAILED = ("failed", "returned", "lost")


class WandbLogger(Hook):
    """Logs to Weights & Biases, or to files in the sweep folder, which `wandb sync` uploads.

    Each attempt at a configuration goes on in the configuration's run. Offline, where W&B cannot go on with a run, it
    is a run of its own.

    Args:
        project: its name; None for the study's.
        mode: `online` or `offline`; None for `WANDB_MODE`, or else online if there is an API key, and offline if not.
        init: more arguments of `wandb.init`, such as `entity` and `tags`.
    """

    def __init__(self, project: str | None = None, mode: str | None = None, **init: Any) -> None:
        require("wandb", "hydra/sweeper/logger=wandb", "wandb")
        self.project, self.init = project, init
        self.mode = mode or os.environ.get("WANDB_MODE") or ("online" if _has_key() else OFFLINE)
        self._parent: Any = None
        self._runs: dict[int, Any] = {}
        self._is_ready = False

    def sweep_started(self, sweep: SweepInfo) -> None:
        """Start the sweep's own run; offline, a sweep that goes on with a study has another one."""
        key = f"sweep-{secrets.token_hex(2)}" if self.mode == OFFLINE else "sweep"
        self._parent = self._open(sweep, key, f"{sweep.study_name} {sweep.id}", job_type="sweep")

    def trial_started(self, trial: TrialInfo) -> None:
        """Start the run of a configuration, or go on with it."""
        self._runs[trial.number] = self._of(trial)

    def trial_reported(self, trial: TrialInfo, value: float, step: int) -> None:
        """Log the value as `report`, against `step`."""
        if (run := self._runs.get(trial.number)) is not None:
            run.log({"report": value, "step": step})

    def trial_ended(self, trial: TrialInfo) -> None:
        """Log how the attempt ended, and finish the run."""
        run = self._runs.pop(trial.number, None)
        if run is None:
            if self._has_log(trial):
                return
            run = self._of(trial)
            for step, value in trial.reports.items() if self.mode == OFFLINE else ():
                run.log({"report": value, "step": step})
        run.summary.update({**trial.metrics, "state": trial.state, "reason": trial.reason})
        run.finish(exit_code=int(trial.state in _FAILED))

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """Log the counts and the best trial, and finish the sweep's own run."""
        if self._parent is not None:
            best = ", ".join(str(trial.number) for trial in sweep.best)
            told = {**sweep.metrics, "best": best, "folder": str(sweep.folder), "failure": sweep.failure}
            self._parent.summary.update(told)
            self._parent.finish(exit_code=int(bool(sweep.failure)))
            self._parent = None

    def close(self) -> None:
        """End W&B's service, which would hold up the end of the process, unless the app has a run of its own."""
        import wandb

        if wandb.run is None:
            wandb.teardown()

    def _of(self, trial: TrialInfo) -> Any:
        name = f"trial {trial.configuration}"
        if trial.turn and self.mode == OFFLINE:
            name += f", attempt {trial.turn + 1}"
        run = self._open(trial.sweep, self._key(trial), name, job_type="trial", config=dict(trial.params))
        run.define_metric("step")
        run.define_metric("report", step_metric="step")
        if trial.folder is not None:
            run.summary["folder"] = str(trial.folder)
        return run

    def _key(self, trial: TrialInfo) -> str:
        is_own = trial.turn and self.mode == OFFLINE
        return f"{trial.configuration}-{trial.turn}" if is_own else trial.configuration

    def _has_log(self, trial: TrialInfo) -> bool:
        """Say whether a worker that is gone has left more of a run's log than its head: what has no end has crashed."""
        name = f"{trial.sweep.id}-{self._key(trial)}"
        logs = Path(trial.sweep.folder, "wandb").glob(f"offline-run-*-{name}/run-{name}.wandb")
        return self.mode == OFFLINE and any(log.stat().st_size > HEAD_BYTES for log in logs)

    def _open(self, sweep: SweepInfo, key: str, name: str, **more: Any) -> Any:
        import wandb

        if not self._is_ready:  # a worker process has a service of its own, which ends with it, and not its parent's
            os.environ.pop("WANDB_SERVICE", None)
            self._is_ready = True
        given = {
            "project": self.project or _ODD.sub("_", sweep.study_name),
            "group": f"{sweep.study_name} {sweep.id}",
            "dir": str(sweep.folder),
            "id": f"{sweep.id}-{key}",
            "name": name,
            "mode": self.mode,
            "reinit": "create_new",  # beside the runs that the user's function may have
            "settings": wandb.Settings(silent=True, console="off"),
            **({} if self.mode == OFFLINE else {"resume": "allow"}),
        }
        return wandb.init(**{**given, **more, **self.init})


def _has_key() -> bool:
    """Say whether W&B would find an API key."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    with suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    return False
