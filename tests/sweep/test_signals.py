"""A signal ends a sweep in good order and in seconds, whatever the function makes of it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import assert_all_gone
from tests.sweep.test_durable_trials import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

MARK = "Path(f'started-{HydraConfig.get().job.num}').touch()\n"
DEAF = f"{MARK}while True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass\n"
HOLDING = f"import logging\nlogging._lock.acquire()\n{DEAF}"  # as an interrupt inside of a fork leaves it
POOL = (
    f"{MARK}import multiprocessing\nwith multiprocessing.get_context('fork').Pool(3) as pool:\n"
    "    pool.map(time.sleep, [60] * 3)\n"
)
OWN = (
    f"{MARK}import signal\nfor number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
    "    signal.signal(number, lambda *_: None)\ntime.sleep(60)\n"
)


@pytest.mark.parametrize(
    ("body", "n_jobs", "number"),
    [
        pytest.param(MARK + "time.sleep(60)", 1, signal.SIGHUP, id="terminal closed"),
        pytest.param(MARK + "time.sleep(60)", 2, signal.SIGHUP, id="terminal closed over workers"),
        pytest.param(DEAF, 1, signal.SIGINT, id="swallowed"),
        pytest.param(DEAF, 2, signal.SIGINT, id="swallowed in workers"),
        pytest.param(HOLDING, 1, signal.SIGINT, id="swallowed with the log's lock held"),
        pytest.param(HOLDING, 2, signal.SIGINT, id="swallowed with the log's lock held in workers"),
        pytest.param(POOL, 1, signal.SIGINT, id="a pool of processes"),
        pytest.param(POOL, 2, signal.SIGTERM, id="a pool of processes in workers"),
        pytest.param(OWN, 1, signal.SIGTERM, id="handlers of its own"),
        pytest.param(OWN, 2, signal.SIGINT, id="handlers of its own in workers"),
    ],
)
def test_one_signal_to_the_group(make_app: MakeApp, start: Start, body: str, n_jobs: int, number: int) -> None:
    """The trials are given back, no process stays behind, and the exit code is the signal's."""
    app = small(make_app, body)
    sweep = start(app, f"hydra.sweeper.n_jobs={n_jobs}")
    sweep.wait_until_started(*range(n_jobs))
    os.killpg(sweep.process.pid, number)
    assert sweep.end() == 128 + number
    assert [(trial.state, Attempt.of(trial).end) for trial in app.trials()] == [(TrialState.FAIL, "returned")] * n_jobs
    assert_all_gone(app)
    assert ("did not stop within 8 s" in sweep.output.read_text()) or body != DEAF


@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.15])
@pytest.mark.parametrize("times", [1, 2])
def test_a_signal_while_results_are_written(make_app: MakeApp, start: Start, times: int, wait_s: float) -> None:
    """After the last trial the results are written in spite of it, or whole by the next start; none is torn."""
    app = small(make_app, MARK)
    sweep = start(app, "hydra.sweeper.n_trials=2", "hydra.sweeper.report=true")
    sweep.wait_until_started(1)
    time.sleep(wait_s)
    for _ in range(times):
        os.killpg(sweep.process.pid, signal.SIGINT)
    assert sweep.end() in (0, 128 + signal.SIGINT, -signal.SIGINT)
    again = app.sweep("hydra.sweeper.n_trials=2", "hydra.sweeper.report=true")
    assert again.code == 0, again.err
    assert [trial.state for trial in app.trials() if Attempt.of(trial).end == "complete"] == [TrialState.COMPLETE] * 2
    assert app.yaml("best_trial.yaml") == app.yaml("optimization_results.yaml")["best_params"]
    assert set(app.yaml("best_config.yaml")) == {"lr"}
    assert "</html>" in app.path("report.html").read_text()
    assert not list(app.path().glob("**/*.tmp*"))
