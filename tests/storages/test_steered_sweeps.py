"""A sweep of eight workers is steered through its study, on each storage; `pytest -s` prints how fast it acts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.command.app import run
from tests.storages.conftest import make_storage
from tests.storages.test_sweeps import override, trials_of
from tests.sweep.conftest import start  # noqa: F401 - a fixture
from tests.sweep.sweeps import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.study.storages.addresses import Storage
    from tests.conftest import App
    from tests.sweep.conftest import Start

N_JOBS = 8
BODY = """
number = HydraConfig.get().job.num
Path(f"started-{number}").touch()
while not Path("go").exists():
    time.sleep(0.05)
"""


class Steered:
    """A sweep, and the command."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.took_s: dict[str, float] = {}

    def trials(self, state: TrialState) -> list[FrozenTrial]:
        """Return its trials in a state."""
        return [trial for trial in trials_of(self.storage) if trial.state == state]

    def tell(self, verb: str, *arguments: str) -> None:
        """Run `qgtune`."""
        assert run([verb, str(self.storage), *arguments]) == 0

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Take the time of what happens inside."""
        since_s = time.monotonic()
        yield
        self.took_s[what] = time.monotonic() - since_s

    def has_running(self, count: int) -> Callable[[], bool]:
        """Return what says whether so many trials run."""
        return lambda: len(self.trials(TrialState.RUNNING)) == count

    def ends(self, *arguments: str) -> int:
        """End a running trial; return its number once it has ended."""
        number = self.trials(TrialState.RUNNING)[-1].number
        self.tell("stop", "--trial", str(number), *arguments)
        wait_for(lambda: self.has_ended(number))
        return number

    def has_ended(self, number: int) -> bool:
        """Say whether a trial has ended."""
        return trials_of(self.storage)[number].state.is_finished()


@pytest.mark.slow
@pytest.mark.timeout(280)
@pytest.mark.parametrize("kind", ["journal", "sqlite", "redis", "postgresql", "grpc"])
def test_commands_reach_eight_workers(
    make_app: Callable[..., App],
    start: Start,  # noqa: F811 - the fixture
    kind: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Every command does what it says, and the total is exact in the end."""
    (tmp_path / "storage").mkdir()
    steered = Steered(make_storage(kind, request, tmp_path / "storage"))
    app = make_app(BODY)
    sweep = start(app, override(steered.storage), f"hydra.sweeper.n_jobs={N_JOBS}", "hydra.sweeper.n_trials=40")
    sweep.wait_until_started(*range(N_JOBS))
    with steered.timed("stop"):
        failed = steered.ends()
    with steered.timed("stop --prune"):
        pruned = steered.ends("--prune")
    wait_for(steered.has_running(N_JOBS))
    steered.tell("add", "training.lr=0.0625")
    with steered.timed("add, once a worker is free"):
        steered.ends("--prune")
        wait_for(lambda: 0.0625 in [trial.params.get("training.lr") for trial in steered.trials(TrialState.RUNNING)])
    wait_for(steered.has_running(N_JOBS))
    steered.tell("pause")
    steered.ends("--prune")
    time.sleep(3)
    assert len(steered.trials(TrialState.RUNNING)) == N_JOBS - 1
    with steered.timed("go"):
        steered.tell("go")
        wait_for(steered.has_running(N_JOBS))
    with steered.timed("workers 10"):
        steered.tell("workers", str(N_JOBS + 2))
        wait_for(steered.has_running(N_JOBS + 2))
    steered.tell("workers", "3")
    (app.folder / "go").touch()
    wait_for(lambda: len(steered.trials(TrialState.RUNNING)) <= 3 and len(steered.trials(TrialState.COMPLETE)) > N_JOBS)
    with steered.timed("finish"):
        steered.tell("finish")
        assert sweep.end() == 0, sweep.errors.read_text()
    n_before = len(trials_of(steered.storage))
    assert n_before <= 40
    total = n_before + 2
    again = app.sweep(override(steered.storage), "hydra.sweeper.n_jobs=2", f"hydra.sweeper.n_trials={total}")
    assert again.code == 0, again.err
    trials = trials_of(steered.storage)
    assert (trials[failed].state, trials[pruned].state) == (TrialState.FAIL, TrialState.PRUNED)
    assert len([trial for trial in trials if trial.params.get("training.lr") == 0.0625]) == 1
    assert all(trial.state.is_finished() for trial in trials)
    assert len(trials) == total
    print(f"\n{kind}: {', '.join(f'{what} {seconds:.1f} s' for what, seconds in steered.took_s.items())}")
