"""A sweep ends when its budget is spent, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import Ledger
from qgtune.study.attempts.limits import Limits
from tests.sweep.sweeps import owner_pid, states, wait_for
from tests.sweep.test_durable_trials import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgtune.study.costs.spent import Spent
    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

UNBOUNDED = "hydra.sweeper.n_trials=null"
EPOCHS = """
for epoch in range(6):
    time.sleep(0.03)
    qgtune.report(cfg.lr, epoch)
"""
FOR_EVER = """
print("gpu", os.environ.get("CUDA_VISIBLE_DEVICES"))
for epoch in range(1000):
    time.sleep(0.05)
    qgtune.report(cfg.lr, epoch)
"""


def spent(app: App) -> Spent:
    """Return what the study has cost."""
    ledger = Ledger()
    ledger.update(app.trials(), Limits(1))
    return ledger.spent


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_epochs_are_exact_over_workers_deaths_and_resumes(make_app: MakeApp, start: Start) -> None:
    """Three workers, one of which is killed; then the budget is raised."""
    app = small(make_app, EPOCHS)
    sweep = start(app, "hydra.sweeper.n_jobs=3", UNBOUNDED, "hydra.sweeper.budget={epochs:50}")
    wait_for(lambda: app.path("study.log").exists() and len(app.trials()) > 4)
    running = [trial for trial in app.trials() if trial.state == TrialState.RUNNING]
    os.kill(owner_pid(running[0]), signal.SIGKILL)
    assert sweep.end() == 0, sweep.errors.read_text()
    assert spent(app).epochs == 50
    assert set(states(app)) <= {"COMPLETE", "PRUNED", "FAIL"}
    more = app.sweep("hydra.sweeper.n_jobs=2", UNBOUNDED, "hydra.sweeper.budget={epochs:77}")
    assert more.code == 0, more.err
    assert "Stopped: the budget of 77 epochs is spent." in more.out
    assert spent(app).epochs == 77


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_hours_of_gpus_are_kept(make_app: MakeApp) -> None:
    """Two workers that share a GPU, until what runs is pruned; nothing is left for another sweep."""
    app = small(make_app, FOR_EVER)
    arguments = [
        "hydra/launcher=qgtune",
        "hydra.launcher.gpus=[0]",
        "hydra.launcher.workers_per_gpu=2",
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.budget={gpu_hours:0.001}",
        UNBOUNDED,
    ]
    run = app.sweep(*arguments)
    assert states(app) == ["PRUNED", "PRUNED"], run.err + run.out
    assert "Stopped: the budget of 0.001 GPU hours is spent." in run.out
    assert [Attempt.of(trial).gpus for trial in app.trials()] == [0.5, 0.5]
    assert spent(app).gpu_s >= 3.6
    app.sweep(*arguments)
    assert len(app.trials()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["hydra.sweeper.budget={gpu_hour:2}"], "Did you mean 'gpu_hours'?", id="unknown"),
        pytest.param(
            ["hydra.sweeper.budget={gpu_hours:2}", "hydra.sweeper.n_jobs=2"],
            "Cannot keep budget.gpu_hours: no worker has a GPU of its own.",
            id="whose GPUs",
        ),
        pytest.param(["hydra.sweeper.budget={gpu_hours:2}"], "no GPU is seen. Give worker_hours.", id="no GPU"),
        pytest.param(
            ["hydra.sweeper.budget={epochs:2}", "hydra.sweeper.direction=[minimize,maximize]"],
            "Cannot keep budget.epochs: trials of several objectives report no steps.",
            id="several objectives",
        ),
    ],
)
@pytest.mark.slow
def test_a_budget_that_cannot_be_kept_is_refused(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    """Before anything runs, with what to give instead."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    run = small(make_app, "").sweep(*arguments)
    assert run.code == 1
    assert words in run.err


@pytest.mark.slow
def test_trials_and_what_is_given_beside_them(make_app: MakeApp) -> None:
    """The smaller number ends the study."""
    app = small(make_app, "")
    run = app.sweep("hydra.sweeper.budget={trials:2}", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    assert len(app.trials()) == 2
    dry = app.sweep("hydra.sweeper.budget={epochs:9}", UNBOUNDED, "hydra.sweeper.dry_run=true")
    assert "as many as the budget allows" in dry.out
