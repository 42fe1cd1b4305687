"""A sweep under a thousand random commands, with workers killed at random: the total stays exact."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.command.app import run
from qgtune.study.attempts.attempt import Attempt
from tests.conftest import stock_study
from tests.sweep.conftest import start  # noqa: F401 - a fixture
from tests.sweep.sweeps import assert_all_gone, owner_pid, wait_for
from tests.sweep.test_durable_trials import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

    from tests.conftest import App
    from tests.sweep.conftest import Start
    from tests.sweep.sweeps import Sweep

N_JOBS = 3
BOX_S = 1500
PAUSE_S = 0.1
BODY = """
for step in range(4):
    qgtune.current_trial().report(cfg.lr, step)
    time.sleep(0.1)
"""
WEIGHTS = {"add": 6, "stop": 4, "prune": 4, "pause": 3, "go": 4, "workers": 4, "kill": 3, "finish": 0.2}


class Chaos:
    """Random commands to one sweep, which is started again when it was told to finish."""

    def __init__(self, app: App, begin: Callable[[int], Sweep], seed: int) -> None:
        self.app = app
        self.begin = begin
        self.chance = random.Random(seed)  # noqa: S311 - no secret
        self.sweep = begin(100_000)
        self.study = stock_study(app.path("study.log"))
        self.added: list[float] = []
        self.counts: Counter[str] = Counter()

    @property
    def trials(self) -> list[FrozenTrial]:
        """The study's trials."""
        return self.study.get_trials(deepcopy=False)

    def running(self) -> list[FrozenTrial]:
        """Return what runs."""
        return [trial for trial in self.trials if trial.state == TrialState.RUNNING]

    def tell(self, verb: str, *arguments: str) -> None:
        """Run `qgtune`; the trial that it is told to stop may have ended meanwhile."""
        self.counts[verb] += 1
        assert run([verb, str(self.app.path()), *arguments]) in ((0, 1) if verb == "stop" else (0,))

    def act(self) -> None:
        """Do one random thing."""
        what = self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if what == "add":
            self.added.append(0.5 + len(self.added) / 1e4)
            self.tell("add", f"lr={self.added[-1]}")
        elif what in ("stop", "prune", "kill"):
            self._end_one(what)
        elif what == "workers":
            self.tell("workers", str(self.chance.randint(1, N_JOBS + 1)))
        elif what == "finish":
            self.tell("finish")
            self.restart(100_000)
        else:
            self.tell(what)

    def _end_one(self, what: str) -> None:
        if not (found := self.running()):
            self.tell("go")
        elif what == "kill":
            self.counts["kill"] += 1
            with suppress(ProcessLookupError):
                os.kill(owner_pid(self.chance.choice(found)), signal.SIGKILL)
        else:
            self.tell("stop", "--trial", str(self.chance.choice(found).number), *["--prune"][: what == "prune"])

    def restart(self, n_trials: int) -> None:
        """Wait until the sweep has ended, and go on."""
        assert self.sweep.end() == 0, self.sweep.errors.read_text()
        assert self.running() == []
        self.sweep = self.begin(n_trials)


def lost(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return the attempts whose worker was killed."""
    return [trial for trial in trials if Attempt.of(trial).end in ("lost", "returned")]


def turn(trial: FrozenTrial) -> tuple[int, int]:
    """Return the first attempt at a trial's configuration, and the how many-th repetition it is."""
    attempt = Attempt.of(trial)
    return attempt.first(trial.number), attempt.turn


@pytest.mark.timeout(BOX_S)
@pytest.mark.parametrize(
    ("n_commands", "seed"),
    [
        pytest.param(60, 0, marks=pytest.mark.slow, id="60 commands"),
        pytest.param(1000, 1, marks=pytest.mark.chaos, id="1000 commands"),
    ],
)
def test_random_commands(
    make_app: Callable[..., App],
    start: Start,  # noqa: F811 - the fixture
    n_commands: int,
    seed: int,
) -> None:
    """Every added point runs to its end once, nothing stays running, and the last sweep reaches just its total."""
    app = small(make_app, BODY)

    def begin(n_trials: int) -> Sweep:
        sweep = start(
            app,
            f"hydra.sweeper.n_jobs={N_JOBS}",
            f"hydra.sweeper.n_trials={n_trials}",
            "hydra.sweeper.max_retries=1000",
        )
        n_before = len(app.trials()) if app.path("study.log").exists() else 0
        wait_for(
            lambda: (
                app.path("study.log").exists()
                and any(trial.params and trial.number >= n_before for trial in app.trials())
            )
        )
        return sweep

    chaos = Chaos(app, begin, seed)
    while sum(chaos.counts.values()) < n_commands:
        chaos.act()
        time.sleep(chaos.chance.uniform(0, 2 * PAUSE_S))
    chaos.tell("go")
    chaos.tell("finish")
    assert chaos.sweep.end() == 0, chaos.sweep.errors.read_text()
    trials = chaos.trials
    waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
    there = Counter(map(turn, trials))
    to_repeat = [first for first, number in map(turn, lost(trials)) if (first, number + 1) not in there]
    total = len(trials) - len(lost(trials)) + len(to_repeat) + 5
    assert len(waiting) <= total
    chaos.sweep = begin(total)
    assert chaos.sweep.end() == 0, chaos.sweep.errors.read_text()
    check(app, total, chaos.added)
    print(f"\n{dict(chaos.counts)}; {total} trials, {len(lost(app.trials()))} attempts lost")


def check(app: App, total: int, added: list[float]) -> None:
    """Check the study that is left."""
    trials = app.trials()
    assert all(trial.state.is_finished() for trial in trials)
    ended = [trial for trial in trials if trial not in lost(trials)]
    assert len(ended) == total
    assert set(Counter(map(turn, trials)).values()) == {1}
    runs = Counter(trial.system_attrs.get("fixed_params", trial.params).get("lr") for trial in ended)
    assert [runs[value] for value in added] == [1] * len(added)
    assert_all_gone(app)
