"""A storage that does not answer is asked again, then given up in one line."""

from __future__ import annotations

import pytest
from optuna.exceptions import StorageInternalError
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection

from qgtune.errors import QGTuneError
from qgtune.study.storages.exclusive import ExclusivityLostError, OneAtATime, StorageLostError, exclusively
from qgtune.study.storages.opening import MemoryStorage
from qgtune.study.storages.remote import (
    PAUSES_AFTER_LOSS_S,
    PAUSES_S,
    RemoteStorage,
    advice,
    is_lost,
    opening,
    persistently,
    reason_of,
)

URL = "mysql://me:pw@h/d"


def failing(n_times: int, error: Exception) -> tuple[list[int], object]:
    """Return a counter of calls, and a function that fails some times before it returns 7."""
    calls: list[int] = []

    def act() -> int:
        calls.append(1)
        if len(calls) <= n_times:
            raise error
        return 7

    return calls, act


def test_a_storage_is_asked_again_until_it_answers() -> None:
    """Between tries the pauses get longer; the first answer counts."""
    calls, act = failing(3, ConnectionResetError("gone"))
    pauses: list[float] = []
    assert persistently(act, URL, pauses.append) == 7  # type: ignore[arg-type]
    assert len(calls) == 4
    assert pauses == list(PAUSES_S[:3])


def test_a_storage_that_stays_away_is_given_up() -> None:
    """After the last pause there is one line, which says that nothing is lost, and no password."""
    calls, act = failing(100, ConnectionRefusedError("no pw for you"))
    with pytest.raises(
        StorageLostError, match=r"Cannot reach the storage mysql://me:\*\*\*@h/d any more: no \*\*\* for"
    ):
        persistently(act, URL, lambda _pause_s: None)  # type: ignore[arg-type]
    assert len(calls) == len(PAUSES_S) + 1


def test_a_lost_storage_is_asked_for_less_long() -> None:
    """What ends a sweep asks it several times; once it has answered, the patience is back."""
    url = "mysql://me:pw@h/lost"
    calls, act = failing(100, ConnectionRefusedError("no"))
    for n_calls in (len(PAUSES_S) + 1, len(PAUSES_AFTER_LOSS_S) + 1):
        calls.clear()
        with pytest.raises(StorageLostError):
            persistently(act, url, lambda _pause_s: None)  # type: ignore[arg-type]
        assert len(calls) == n_calls
    persistently(lambda: 7, url)
    calls.clear()
    with pytest.raises(StorageLostError):
        persistently(act, url, lambda _pause_s: None)  # type: ignore[arg-type]
    assert len(calls) == len(PAUSES_S) + 1


def test_a_refusal_is_no_reason_to_ask_again() -> None:
    """What a storage refuses goes to the caller at once."""
    calls, act = failing(100, ValueError("no"))
    with pytest.raises(ValueError, match=r"^no$"):
        persistently(act, URL, lambda _pause_s: None)  # type: ignore[arg-type]
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(ConnectionResetError(), True, id="a kind of connection error"),
        pytest.param(StorageInternalError("x"), True, id="Optuna's"),
        pytest.param(KeyError("x"), False, id="a missing key"),
        pytest.param(OSError("disk full"), False, id="a disk"),
    ],
)
def test_what_counts_as_lost(error: Exception, *, expected: bool) -> None:
    """An error is told by its classes, by name."""
    assert is_lost(error) is expected


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        pytest.param("Connection refused", "Start", id="refused"),
        pytest.param("password authentication failed", "password", id="password"),
        pytest.param("Access denied for user", "password", id="denied"),
        pytest.param('database "x" does not exist', "Create", id="database"),
        pytest.param("Name or service not known", "host", id="host"),
        pytest.param("timed out", "reached", id="timeout"),
        pytest.param("anything", "log", id="anything else"),
    ],
)
def test_each_reason_has_a_way_out(reason: str, word: str) -> None:
    """What to do is said in a sentence."""
    assert word in advice(reason)
    assert advice(reason).endswith(".")


def test_the_reason_is_that_of_the_error_inside() -> None:
    """Optuna's wrapper says nothing about the cause, the error inside does."""
    error = StorageInternalError("An exception is raised during the commit.")
    error.__cause__ = ConnectionError("no route")
    assert reason_of(error, URL) == "no route"


def test_an_error_while_opening_is_one_line() -> None:
    """Whatever a driver raises becomes one line, without the password; our own errors pass."""
    with (
        pytest.raises(QGTuneError, match=r"^Cannot open the storage mysql://me:\*\*\*@h/d: a b\. Look at"),
        opening(URL),
    ):
        raise RuntimeError("a b")
    with pytest.raises(QGTuneError, match=r"^mine$"), opening(URL):
        raise QGTuneError("mine")


class _Flaky(InMemoryStorage):
    """A storage whose server does not answer the first call of each method."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: set[str] = set()

    def _fail_once(self, name: str) -> None:
        if name not in self.failed:
            self.failed.add(name)
            raise ConnectionResetError("gone")

    def get_all_studies(self) -> list[object]:  # type: ignore[override]
        self._fail_once("get_all_studies")
        return list(super().get_all_studies())

    def create_new_trial(self, *arguments: object, **named: object) -> int:
        self._fail_once("create_new_trial")
        return super().create_new_trial(*arguments, **named)  # type: ignore[arg-type]


def test_only_the_creation_of_a_trial_is_not_tried_twice() -> None:
    """A trial that may have been created is not created again; all else is."""
    storage = RemoteStorage(_Flaky(), URL)
    study_id = storage.create_new_study([StudyDirection.MINIMIZE], "s")
    assert [study.study_name for study in storage.get_all_studies()] == ["s"]
    with pytest.raises(StorageLostError, match=r"gone"):
        storage.create_new_trial(study_id)
    assert storage.create_new_trial(study_id) == 0
    assert not isinstance(storage, OneAtATime)


def test_what_lost_its_claim_is_done_again() -> None:
    """An action whose lock lapsed runs under a new one."""
    calls: list[int] = []

    def act() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise ExclusivityLostError("lapsed")
        return len(calls)

    assert exclusively(MemoryStorage(), act) == 2
