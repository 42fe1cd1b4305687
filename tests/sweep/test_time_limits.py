"""Trials that run for too long, or report nothing for too long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import assert_all_gone, reasons, states
from tests.sweep.test_durable_trials import small
from tests.sweep.test_launchers import options, ray, slurm  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(200)]

FIRST = "if HydraConfig.get().job.num == 1:\n    {}\n"
SPIN = "while True: pass"
DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(90)"
IN_C = "import re; re.match(r'(a+)+$', 'a' * 40 + 'b')"
SWALLOWS = "exec('while True:\\n try: time.sleep(90)\\n except BaseException: pass')"


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param("time.sleep(90)", id="sleeps"),
        pytest.param(SPIN, id="spins"),
        pytest.param(DEAF, id="ignores SIGTERM"),
        pytest.param(SWALLOWS, id="swallows interrupts"),
        pytest.param(IN_C, id="holds the interpreter in C"),
    ],
)
def test_a_trial_that_runs_too_long_has_failed(make_app: MakeApp, deed: str) -> None:
    """Its process is ended within five seconds of the limit, and a fresh one goes on."""
    app = small(make_app, FIRST.format(deed))
    started_s = time.monotonic()
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5", "hydra.sweeper.trial_timeout=3")
    assert run.code == 0, run.err
    assert sorted(states(app)) == ["COMPLETE"] * 4 + ["FAIL"]
    assert reasons(app) == ["it ran for longer than trial_timeout=3 s"]
    (overdue,) = [trial for trial in app.trials() if trial.state == TrialState.FAIL]
    assert overdue.duration is not None
    assert overdue.duration.total_seconds() < 3 + 5
    assert time.monotonic() - started_s < 25
    assert_all_gone(app)
    assert "Ended early" not in run.out + run.err


def test_a_trial_that_reports_nothing_has_failed(make_app: MakeApp) -> None:
    """One that goes on reporting may take its time."""
    pause = "0.5 + 60 * (HydraConfig.get().job.num == 1)"
    body = f"for step in range(1, 9):\n    qgtune.report(1.0, step)\n    time.sleep({pause})\n"
    app = small(make_app, body)
    run = app.sweep(
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.n_trials=2",
        "hydra.sweeper.stall_timeout=2",
        "hydra/sweeper/pruner=nop",
    )
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE", "FAIL"]
    assert reasons(app) == ["it reported nothing for longer than stall_timeout=2 s"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_hung_trial_does_not_hold_a_sweep(make_app: MakeApp, n_jobs: int) -> None:
    """After the timeout and its grace it is given back, and the results are written."""
    app = small(make_app, FIRST.format("time.sleep(90)"))
    started_s = time.monotonic()
    limits = ("hydra.sweeper.timeout=4", "hydra.sweeper.timeout_grace=2", "hydra.sweeper.n_trials=1000")
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}", *limits)
    assert run.code == 0, run.err
    assert time.monotonic() - started_s < 25
    hung = app.trials()[1]
    assert (hung.state, Attempt.of(hung).end) == (TrialState.FAIL, "returned")
    assert app.yaml("best_trial.yaml")
    assert_all_gone(app)


@pytest.mark.parametrize("launcher", ["joblib", "submitit_local"])
def test_other_launchers_keep_the_time_too(make_app: MakeApp, launcher: str) -> None:
    """The worker itself watches, since no process of ours is above it."""
    app = small(make_app, FIRST.format("time.sleep(90)"))
    run = app.sweep(
        *options(launcher), "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4", "hydra.sweeper.trial_timeout=3"
    )
    assert run.code == 0, run.err
    assert sorted(states(app)) == ["COMPLETE"] * 3 + ["FAIL"]
    assert reasons(app) == ["it ran for longer than trial_timeout=3 s"]


def test_limits_in_process_are_refused(make_app: MakeApp) -> None:
    """Nobody could end that process; the way out is named."""
    run = small(make_app, "pass").sweep("hydra.sweeper.trial_timeout=3", "hydra.sweeper.stall_timeout=1")
    assert run.code == 1
    assert "Cannot keep trial_timeout=3: the only worker runs in this process" in run.err
    assert "Take hydra/launcher=qgtune, or hydra.sweeper.n_jobs=2." in run.err
    assert "stall_timeout=1" in run.err
