"""Studies in databases: SQLite, PostgreSQL and MySQL, through Optuna's own tables."""

from __future__ import annotations

import importlib.util
import threading
import time
import weakref
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy
from optuna.storages import RDBStorage, get_storage
from sqlalchemy.engine import make_url

from qgtune.errors import QGTuneError
from qgtune.study.journal.locks import FileLock
from qgtune.study.storages.addresses import Storage, kind_of, safe
from qgtune.study.storages.exclusive import ExclusivityLostError
from qgtune.study.storages.remote import CONNECT_TIMEOUT_S, RemoteStorage, opening, persistently

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine

SQLITE_TIMEOUT_S = 60
_KEY = int.from_bytes(b"qgtune", "big")  # PostgreSQL's advisory locks are numbers
DRIVERS: Mapping[str, tuple[str, ...]] = {
    "postgresql": ("psycopg", "psycopg2"),
    "mysql": ("pymysql", "mysqldb"),
}
_PACKAGES = {"mysqldb": "MySQLdb"}


@dataclass(frozen=True, slots=True)
class Locking:
    """How a database server gives and takes back a lock that ends with its connection.

    Attributes:
        acquire: a statement that waits for the lock and returns 1, or anything else when it is to be asked again.
        release: a statement that returns 1 if the lock was held.
        now: a query for the server's time in seconds since the epoch.
    """

    acquire: str
    release: str
    now: str


LOCKINGS = {
    "postgresql": Locking(
        f"SELECT 1 FROM pg_advisory_lock({_KEY})",  # noqa: S608 - a constant
        f"SELECT CAST(pg_advisory_unlock({_KEY}) AS integer)",
        "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)",
    ),
    "mysql": Locking(
        "SELECT GET_LOCK(SHA1(CONCAT('qgtune/', DATABASE())), 10)",
        "SELECT RELEASE_LOCK(SHA1(CONCAT('qgtune/', DATABASE())))",
        "SELECT UNIX_TIMESTAMP(NOW(6))",
    ),
}
LOCKINGS["mariadb"] = LOCKINGS["mysql"]


class _Lock(Protocol):
    def check(self) -> None:
        """Find out whether the server answers."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lock."""

    def now_s(self) -> float:
        """Return the time of the clock that all workers share, in seconds since the epoch."""


class ServerLock:
    """A lock of a database server, held by a connection of its own: it is free as soon as that one ends.

    Args:
        engine: where to connect.
        name: the storage, for messages.
    """

    def __init__(self, engine: Engine, name: Storage) -> None:
        self._engine = engine
        self._name = name
        self._locking = LOCKINGS[engine.dialect.name]
        self._threads = threading.RLock()  # the time is asked under the lock, too
        self._connections: list[Connection] = []  # one, or none
        self._is_held = False
        weakref.finalize(self, _close_all, engine, self._connections)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock, waiting in the server's queue.

        Raises:
            ExclusivityLostError: at the end, when the server has ended the connection meanwhile.
            StorageLostError: when the server does not answer.
        """
        with self._threads:
            if self._is_held:  # a signal that raised has left it so
                self._drop()
            persistently(self._acquire, self._name)
            try:
                yield
            except BaseException:
                self._drop()
                raise
            self._release()

    def check(self) -> None:
        """Ask the server for something, once, so that a wrong address or password is known at once."""
        self._scalar("SELECT 1")

    def now_s(self) -> float:
        """Return the server's time."""
        with self._threads:
            return float(persistently(lambda: self._scalar(self._locking.now), self._name))

    def _acquire(self) -> None:
        self._is_held = True
        while self._scalar(self._locking.acquire) != 1:
            pass

    def _release(self) -> None:
        try:
            was_held = self._scalar(self._locking.release) == 1
        except sqlalchemy.exc.DBAPIError:
            was_held = False
        self._is_held = False
        if not was_held:
            self._drop()
            raise ExclusivityLostError(f"The server of {safe(self._name)} ended a connection that held a lock.")

    def _scalar(self, statement: str) -> Any:
        try:
            if not self._connections:
                self._connections += [self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")]
            return self._connections[0].scalar(sqlalchemy.text(statement))
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        """Close the connection for good: the server then frees what it holds."""
        self._is_held = False
        _drop_all(self._connections)


def _drop_all(connections: list[Connection]) -> None:
    while connections:
        connection = connections.pop()
        with suppress(sqlalchemy.exc.SQLAlchemyError):
            connection.invalidate()
            connection.close()


def _close_all(engine: Engine, connections: list[Connection]) -> None:
    _drop_all(connections)
    engine.dispose()


class LocalLock:
    """A lock on a file beside a SQLite database.

    Args:
        database: the database's file.
    """

    def __init__(self, database: Path) -> None:
        self._lock = FileLock(database.with_name(f".{database.name}.creation"))

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the lock."""
        return self._lock

    def check(self) -> None:
        """Ask nothing: opening the database will."""

    def now_s(self) -> float:
        """Return this host's time: the database is on it."""
        return time.time()


class SqlStorage(RemoteStorage):
    """Optuna's RDB storage, with a creation lock."""

    def __init__(self, storage: RDBStorage, name: Storage, lock: _Lock) -> None:
        super().__init__(get_storage(storage), name)
        self._lock = lock
        weakref.finalize(self, storage.engine.dispose)

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the exclusive right to create trials in the database."""
        return self._lock.exclusive()

    def now_s(self) -> float:
        """Return the time of the clock that all workers share, in seconds since the epoch."""
        return self._lock.now_s()


def open_sql(url: str) -> SqlStorage:
    """Open a database, and make Optuna's tables in it if there are none.

    Raises:
        QGTuneError: when the driver is missing or the server refuses.
    """
    address = with_driver(url)
    with opening(url):
        kwargs = _engine_kwargs(address)
        lock = _lock_of(sqlalchemy.create_engine(address, pool_size=1, **kwargs), url)
        lock.check()
        with lock.exclusive():  # two at once would both make the tables
            template = address.replace("{", "{{").replace("}", "}}")  # Optuna formats it
            storage = RDBStorage(template, engine_kwargs=kwargs)
        return SqlStorage(storage, url, lock)


def one_at_a_time(storage: RDBStorage, name: Storage) -> SqlStorage | RemoteStorage:
    """Give a storage that the user built with a `_target_` a creation lock, where its database has one."""
    if storage.engine.dialect.name in (*LOCKINGS, "sqlite"):
        return SqlStorage(storage, name, _lock_of(storage.engine, name))
    return RemoteStorage(get_storage(storage), name)


def _lock_of(engine: Engine, name: Storage) -> _Lock:
    if engine.dialect.name == "sqlite":
        return LocalLock(Path(str(engine.url.database)))
    return ServerLock(engine, name)


def _engine_kwargs(address: str) -> dict[str, Any]:
    driver = make_url(address).get_driver_name()
    if driver == "pysqlite":
        return {"connect_args": {"timeout": SQLITE_TIMEOUT_S}}
    kwargs: dict[str, Any] = {"pool_pre_ping": True}
    if driver in ("psycopg", "psycopg2", "pymysql", "mysqldb") and "connect_timeout" not in address:
        kwargs["connect_args"] = {"connect_timeout": CONNECT_TIMEOUT_S}
    return kwargs


def with_driver(url: str) -> str:
    """Name the driver in a URL that leaves it open, and check that it is installed.

    Raises:
        QGTuneError: when it is not, or the URL cannot be read.
    """
    dialect = kind_of(url)
    if dialect == "sqlite":
        return url
    scheme, _, rest = url.partition("://")
    driver = scheme.lower().partition("+")[2]
    wanted = (driver,) if driver else DRIVERS[dialect]
    installed = [name for name in wanted if importlib.util.find_spec(_PACKAGES.get(name, name)) is not None]
    if not installed:
        raise QGTuneError(
            f"Cannot open the storage {safe(url)}: the package {_PACKAGES.get(wanted[0], wanted[0])} is not installed. "
            f"Run: pip install 'qgtune[{dialect}]'."
        )
    _check_readable(url)
    return f"{dialect}+{installed[0]}://{rest}"


def _check_readable(url: str) -> None:
    try:
        make_url(url)
    except (ValueError, sqlalchemy.exc.ArgumentError):
        raise QGTuneError(
            f"Cannot open the storage {safe(url)}: it is no URL of the form scheme://user:password@host:port/database. "
            "Write odd characters of the password as %XX."
        ) from None
