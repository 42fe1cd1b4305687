"""A signal ends a sweep in good order and in seconds, whatever the function makes of it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import processes
from tests.sweep.test_durable_trials import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

MARK = "Path(f'started-{HydraConfig.get().job.num}').touch()\n"
DEAF = f"{MARK}while True:\n    try:\n        time.sleep(1)\n    except BaseException:\n        pass\n"


@pytest.mark.parametrize(
    ("body", "n_jobs", "number"),
    [
        pytest.param(MARK + "time.sleep(60)", 1, signal.SIGHUP, id="terminal closed"),
        pytest.param(MARK + "time.sleep(60)", 2, signal.SIGHUP, id="terminal closed over workers"),
        pytest.param(DEAF, 1, signal.SIGINT, id="swallowed"),
        pytest.param(DEAF, 2, signal.SIGINT, id="swallowed in workers"),
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
    assert processes(app) == []
