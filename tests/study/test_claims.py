"""A trial that waits is one worker's, also where the storage tells several that it is theirs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState, create_trial

from qgtune.study.attempts.claims import PREFIX, is_anyones, wins
from qgtune.study.attempts.limits import Limits
from qgtune.study.opening import open_session
from qgtune.study.spec import StudySpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

N = 4
WAITS = create_trial(state=TrialState.WAITING)


class Racing(InMemoryStorage):
    """Looks at a trial's state for all that ask before it changes it for any of them."""

    def __init__(self, n_told_yes: int = N) -> None:
        super().__init__()
        self.barrier = Barrier(N)
        self.n_told_yes = n_told_yes

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Say yes to as many as wanted."""
        place = self.barrier.wait(10)
        super().set_trial_state_values(trial_id, state, values)
        return place < self.n_told_yes


def owned(storage: BaseStorage, trial_id: int, name: str) -> Callable[[], None]:
    """Return what writes down whose the trial is."""
    return lambda: storage.set_trial_user_attr(trial_id, "owner", name)


def winners(storage: BaseStorage, trial_id: int) -> list[str]:
    """Let all ask at once; return who got it."""
    names = [f"worker-{i}" for i in range(N)]
    with ThreadPoolExecutor(N) as pool:
        told = list(pool.map(lambda name: wins(storage, trial_id, name, owned(storage, trial_id, name)), names))
    (owner,) = (name for name, is_its in zip(names, told, strict=True) if is_its)
    assert storage.get_trial(trial_id).user_attrs["owner"] == owner
    return [name for name, is_its in zip(names, told, strict=True) if is_its]


@pytest.mark.parametrize("n_told_yes", range(1, N + 1))
def test_one_of_those_told_yes_has_it(n_told_yes: int) -> None:
    """However many the storage tells that they have it."""
    storage = Racing(n_told_yes)
    trial_id = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], "s"), WAITS)
    assert len(winners(storage, trial_id)) == 1
    assert is_anyones(storage, trial_id)


def test_sqlite(tmp_path: Path) -> None:
    """Where Optuna's own storage does so: without claims about one trial in four has several owners."""
    storage = RDBStorage(f"sqlite:///{tmp_path}/study.db", engine_kwargs={"connect_args": {"timeout": 60}})
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], "s")
    trial_ids = [storage.create_new_trial(study_id, WAITS) for _ in range(20)]
    assert [len(winners(storage, trial_id)) for trial_id in trial_ids] == [1] * 20
    storage.engine.dispose()


def test_one_that_died_is_not_waited_for_for_ever() -> None:
    """A worker was killed after it had asked."""
    storage = InMemoryStorage()
    trial_id = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], "s"), WAITS)
    storage.set_trial_system_attr(trial_id, PREFIX + "a-dead-one", "asks")
    slept: list[float] = []
    assert wins(storage, trial_id, "b", owned(storage, trial_id, "b"), slept.append)
    assert 5 < sum(slept) < 20


def test_one_told_no_has_not_got_it() -> None:
    """Stock Optuna took the trial."""
    storage = InMemoryStorage()
    trial_id = storage.create_new_trial(storage.create_new_study([StudyDirection.MINIMIZE], "s"), WAITS)
    storage.set_trial_state_values(trial_id, TrialState.RUNNING)
    assert not wins(storage, trial_id, "a", owned(storage, trial_id, "a"))
    assert not is_anyones(storage, trial_id)
    assert storage.get_trial(trial_id).user_attrs == {}


class Late(InMemoryStorage):
    """Lets somebody else run a trial from start to end before anybody's claim arrives."""

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """End the trial first."""
        if key.startswith(PREFIX):
            self.set_trial_state_values(trial_id, TrialState.RUNNING)
            self.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])
        super().set_trial_system_attr(trial_id, key, value)


def test_one_that_comes_after_the_end_takes_another_trial() -> None:
    """A worker saw a trial wait, and another one had run it to its end before the claim: no error, the next trial."""
    spec = StudySpec("s", {"_target_": f"{__name__}.Late"})
    session = open_session(spec, Limits(2))
    session.study.enqueue_trial({"x": 0.5})
    trial = session.next_trial()
    assert isinstance(trial, Trial)
    assert trial.number == 1
