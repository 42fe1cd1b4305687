"""Servers that are restarted, lose their data, or forget a lock while a study runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import redis
import sqlalchemy
from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.limits import Limits
from qgtune.study.opening import open_session
from qgtune.study.outcome import outcome_of
from qgtune.study.spec import StudySpec
from qgtune.study.storages import redis_log, remote
from qgtune.study.storages.exclusive import ExclusivityLostError, OneAtATime, StorageLostError, exclusive
from qgtune.study.storages.opening import open_storage
from tests.storages import servers
from tests.storages.crew import Crew, complete, hold_claim, kill
from tests.storages.servers import PASSWORD, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tests.storages.servers import Server

pytestmark = pytest.mark.slow


@pytest.fixture(params=["redis", "postgresql", "mysql"])
def restartable(request: pytest.FixtureRequest) -> tuple[Server, str]:
    """Return a server that can be restarted, and the URL of an empty database on it."""
    url = request.getfixturevalue(f"{request.param}_url")
    return request.getfixturevalue(f"{request.param}_server"), url


def test_a_restart_is_waited_for(restartable: tuple[Server, str], tmp_path: Path) -> None:
    """Workers go on after their server was restarted in the midst of the study, and the total holds."""
    server, url = restartable
    crew = Crew(url, tmp_path, 20, work_s=0.2)
    workers = [crew.start() for _ in range(2)]
    session = crew.session()
    wait_until(lambda: len(complete(session)) >= 3)
    server.stop()
    server.start()
    for worker in workers:
        worker.join(100)
    crew.run(1)  # whoever was cut off while it created a trial has ended
    session.end_dead()
    assert len(complete(session)) == 20
    assert session.refresh().finished == 20


def test_a_server_that_stays_away_ends_in_one_line(
    restartable: tuple[Server, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the last try there is one error without the password, and the trial is one to be run again."""
    server, url = restartable
    monkeypatch.setattr(remote, "PAUSES_S", (0.0, 0.1))
    session = Crew(url, tmp_path, 3).session()
    server.stop()
    try:
        with pytest.raises(
            StorageLostError, match=r"^Cannot reach the storage .*:\*\*\*@.* any more: .*kept"
        ) as caught:
            session.next_trial()
    finally:
        server.start()
    assert PASSWORD not in str(caught.value)
    assert outcome_of(caught.value).end == "lost"
    monkeypatch.undo()
    assert session.refresh().finished == 0


@pytest.mark.parametrize("kind", ["sqlite", "redis", "postgresql", "mysql"])
def test_a_claim_excludes_until_its_holder_is_killed(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """While a process holds the creation lock no other gets it; once it is killed another one does."""
    url = f"sqlite:///{tmp_path}/x.db" if kind == "sqlite" else request.getfixturevalue(f"{kind}_url")
    storage = open_storage(url)
    held, entered = tmp_path / "held", threading.Event()
    holder = hold_claim(url, held)
    wait_until(held.exists)

    def enter() -> None:
        with exclusive(storage):
            entered.set()

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    assert not entered.wait(0.5)
    kill(holder)
    thread.join(30)
    assert entered.is_set()


def test_a_lapsed_claim_on_redis_writes_nothing(redis_url: str) -> None:
    """Whoever holds the creation lock for too long can create no trial, and asks anew."""
    session = open_session(StudySpec("s", redis_url), Limits(2))
    assert isinstance(session.storage, OneAtATime)
    with session.storage.exclusive():
        with redis.Redis.from_url(redis_url) as client:
            client.delete(":qgtune:claim")
        with pytest.raises(ExclusivityLostError, match=r"lapsed"):
            session.study.set_user_attr("x", 1)
    assert session.study.user_attrs == {}
    session.study.set_user_attr("x", 2)
    assert session.study.user_attrs == {"x": 2}


def test_a_record_that_is_sent_twice_is_written_once(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An append whose answer was lost is repeated, and counts once."""
    log = redis_log.RedisLog(redis_url)

    def twice(act: Callable[[], object]) -> object:
        act()
        return act()

    monkeypatch.setattr(log, "_ask", twice)
    log.append([{"op_code": 0, "n": 1}])
    assert list(log.read_logs(0)) == [{"op_code": 0, "n": 1}]


def test_a_redis_that_lost_its_data_is_named(redis_url: str) -> None:
    """Records that are gone are an error that says how a server keeps them."""
    session = open_session(StudySpec("s", redis_url), Limits(2))
    session.next_trial()
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    with pytest.raises(QGTuneError, match=r"has lost records of their journal.*appendonly"):
        session.next_trial()


@pytest.fixture
def killer(postgresql_url: str) -> Iterator[Callable[[], None]]:
    """Return what ends all other connections to the database."""
    engine = sqlalchemy.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    query = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
        "AND datname = current_database()"
    )

    def kill() -> None:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(query)).all()

    yield kill
    engine.dispose()


def test_a_trial_that_was_created_without_the_claim_is_withdrawn(
    postgresql_url: str, killer: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose connection is cut while it holds the creation lock withdraws what it created, and creates another."""
    session = open_session(StudySpec("s", postgresql_url), Limits(2))
    create, created = session.storage.create_new_trial, []

    def create_and_cut(study_id: int, template: FrozenTrial) -> int:
        created.append(create(study_id, template))
        if len(created) == 1:
            killer()
        return created[-1]

    monkeypatch.setattr(session.storage, "create_new_trial", create_and_cut)
    trial = session.next_trial()
    assert getattr(trial, "number", None) == 1
    first, second = session.study.trials
    assert (first.state, Attempt.of(first).end) == (TrialState.FAIL, "withdrawn")
    assert second.state == TrialState.RUNNING
    assert (session.refresh().finished, session.ledger.running) == (0, 1)


def test_a_proxy_that_ends_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gRPC proxy that is gone is one line."""
    monkeypatch.setattr(remote, "PAUSES_S", (0.0,))
    with servers.grpc_proxy(f"sqlite:///{tmp_path}/x.db", tmp_path) as server:
        session = open_session(StudySpec("s", f"grpc://127.0.0.1:{server.port}"), Limits(2))
    with pytest.raises(StorageLostError, match=r"Cannot reach the storage grpc://127\.0\.0\.1:\d+ any more: "):
        session.next_trial()
