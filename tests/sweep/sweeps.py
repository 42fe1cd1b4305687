"""Running sweeps, their processes and what they left in the study."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

    from tests.conftest import App

BOX_S = 90


class Sweep:
    """A running sweep at the head of a process group of its own."""

    def __init__(self, app: App, *arguments: str, folder: str = "sweep") -> None:
        self.app = app
        self.errors = app.folder / f"{folder}.err"
        self.output = self.errors.with_suffix(".out")
        with self.errors.open("w") as errors, self.output.open("w") as output:
            self.process = subprocess.Popen(
                app.command("--multirun", f"hydra.sweep.dir={folder}", *arguments),
                cwd=app.folder,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    def ctrl_c(self) -> None:
        """Do what a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Wait for its end; return the exit code."""
        return self.process.wait(BOX_S)

    def wait_until_started(self, *numbers: int) -> None:
        """Wait until the user's function runs in these trials."""
        wait_for(lambda: all((self.app.folder / f"started-{number}").exists() for number in numbers))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    deadline_s = time.monotonic() + BOX_S
    while not condition():
        assert time.monotonic() < deadline_s, "it took too long"
        time.sleep(0.05)


def processes(app: App) -> list[int]:
    """Return the ids of the living processes that were started in the app's folder."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _is_of(path, app)]


def assert_all_gone(app: App) -> None:
    """Check that no process is left, multiprocessing's tracker of resources included, which ends a moment later."""
    deadline_s = time.monotonic() + 3
    while (left := processes(app)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert left == []


def _is_of(path: Path, app: App) -> bool:
    try:
        return (path / "cwd").readlink() == app.folder and int(path.name) != os.getpid()
    except OSError:
        return False


def states(app: App) -> list[str]:
    """Return the states of the study's trials, in order."""
    return [trial.state.name for trial in app.trials()]


def reasons(app: App) -> list[str]:
    """Return why trials failed."""
    return [Attempt.of(trial).reason for trial in app.trials() if trial.state == TrialState.FAIL]


def owner_pid(trial: FrozenTrial) -> int:
    """Return the process that runs a trial."""
    owner = Attempt.of(trial).owner
    assert owner is not None
    return owner.pid


def assert_settled(app: App, n_complete: int) -> None:
    """Check that so many trials completed, none runs, and each lost trial was run again with its parameters, once."""
    trials = app.trials()
    assert [trial.state for trial in trials].count(TrialState.COMPLETE) == n_complete
    assert all(trial.state.is_finished() for trial in trials)
    lost = [trial for trial in trials if trial.state == TrialState.FAIL]
    retries = [trial for trial in trials if Attempt.of(trial).repeats is not None]
    assert len(retries) == len(lost)
    for retry in retries:
        origin = trials[Attempt.of(retry).repeats or 0]
        assert origin.params.items() <= retry.params.items()
