"""Sweeps whose workers are killed at random: nothing is lost, nothing is done twice, the total is exact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import owner_pid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.trial import FrozenTrial

    from tests.conftest import App

N_JOBS = 4
BOX_S = 280
BODY = """
import optuna
number = HydraConfig.get().job.num
for step in range(5):
    qgtune.current_trial().report(cfg.training.lr, step)
    time.sleep(0.04)
if number % 7 == 3:
    raise optuna.TrialPruned
if number % 13 == 5:
    raise ValueError('now and then')
with open('finished.txt', 'a') as file:
    file.write(f'{number}\\n')
"""


def kill_at_random(app: App, process: subprocess.Popen[str], chance: random.Random) -> int:
    """Kill a random worker in the midst of a trial, again and again, until the sweep ends; return how often.

    Between two kills some trial ends: a sweep without any progress would rightly be given up.
    """
    n_killed = n_before = 0
    while process.poll() is None:
        time.sleep(chance.uniform(0.1, 0.5))
        trials = app.trials() if app.path("study.log").exists() else []
        n_ended = sum(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in trials)
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        if running and n_ended > n_before:
            n_before = n_ended
            with suppress(ProcessLookupError):
                os.kill(owner_pid(chance.choice(running)), signal.SIGKILL)
                n_killed += 1
    return n_killed


def lost(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials whose worker was killed."""
    return [trial for trial in trials if Attempt.of(trial).end == "lost"]


def check(app: App, n_trials: int) -> None:
    """Check a study of `n_trials` that stock Optuna reads."""
    trials = app.trials()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert all(trial.state.is_finished() for trial in trials)
    assert len(trials) - len(lost(trials)) == n_trials
    retries = Counter(
        (attempt.repeats, attempt.turn) for attempt in map(Attempt.of, trials) if attempt.repeats is not None
    )
    expected = Counter(
        (trial.number if attempt.repeats is None else attempt.repeats, attempt.turn + 1)
        for trial in lost(trials)
        for attempt in [Attempt.of(trial)]
    )
    assert retries == expected
    for trial in lost(trials):
        assert trial.state == TrialState.FAIL
        assert Attempt.of(trial).reason == "its worker was killed by SIGKILL"
    ran = Counter(map(int, (app.folder / "finished.txt").read_text().split()))
    assert set(ran.values()) == {1}
    complete = {trial.number for trial in trials if trial.state == TrialState.COMPLETE}
    assert complete <= set(ran)
    assert set(ran) - complete <= {trial.number for trial in lost(trials)}  # killed between its end and its record


@pytest.mark.timeout(BOX_S + 20)
@pytest.mark.parametrize(
    ("n_trials", "seed"),
    [
        pytest.param(60, 0, marks=pytest.mark.slow, id="60 trials"),
        pytest.param(200, 1, marks=pytest.mark.chaos, id="200 trials"),
    ],
)
def test_random_kills(make_app: Callable[..., App], n_trials: int, seed: int) -> None:
    """However often a worker is killed, exactly `n_trials` trials end in the study and each ended once."""
    app = make_app(BODY)
    command = app.command(
        "--multirun",
        "hydra.sweep.dir=sweep",
        f"hydra.sweeper.n_trials={n_trials}",
        f"hydra.sweeper.n_jobs={N_JOBS}",
        "hydra.sweeper.max_retries=1000",
    )
    with (app.folder / "out.txt").open("w") as out:
        process = subprocess.Popen(command, cwd=app.folder, stdout=out, stderr=subprocess.STDOUT, text=True)
        try:
            n_killed = kill_at_random(app, process, random.Random(seed))  # noqa: S311 - no secret
        finally:
            process.kill()
    assert process.wait() == 0, (app.folder / "out.txt").read_text()
    assert n_killed >= n_trials / 10
    check(app, n_trials)
    assert 0 < len(lost(app.trials())) <= n_killed
