"""Each kind of storage, on a server of its own."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from tests.storages import servers
from tests.storages.servers import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from qgtune.study.storages.addresses import Storage
    from tests.storages.servers import Server

KINDS = ("journal", "sqlite", "redis", "postgresql", "mysql", "grpc", "target", "target_sql")
_numbers = itertools.count()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """Return a Redis server."""
    with servers.redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Return a PostgreSQL server."""
    with servers.postgresql_server() as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[Server]:
    """Return a MariaDB server."""
    with servers.mysql_server() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: Server) -> str:
    """Return the URL of an empty Redis database."""
    import redis

    url = f"redis://:{PASSWORD}@127.0.0.1:{redis_server.port}/0"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


def _new_database(server: str, admin: str) -> str:
    """Make a database; return its URL."""
    import sqlalchemy

    name = f"t{next(_numbers)}"
    engine = sqlalchemy.create_engine(f"{server}/{admin}", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def postgresql_url(postgresql_server: Server) -> str:
    """Return the URL of an empty PostgreSQL database."""
    place = f"{USER}:{PASSWORD}@127.0.0.1:{postgresql_server.port}"
    url = _new_database(f"postgresql+psycopg://{place}", "postgres")
    return url.replace("+psycopg", "")


@pytest.fixture
def mysql_url(mysql_server: Server) -> str:
    """Return the URL of an empty MariaDB database."""
    place = f"{USER}:{PASSWORD}@127.0.0.1:{mysql_server.port}"
    url = _new_database(f"mysql+pymysql://{place}", "")
    return url.replace("+pymysql", "")


@pytest.fixture
def grpc_url(tmp_path: Path) -> Iterator[str]:
    """Return the URL of a gRPC proxy in front of an empty SQLite database."""
    with servers.grpc_proxy(f"sqlite:///{tmp_path}/proxied.db", tmp_path) as server:
        yield f"grpc://127.0.0.1:{server.port}"


def make_storage(kind: str, request: pytest.FixtureRequest, folder: Path) -> Any:
    """Return the name of an empty storage of a kind."""
    if kind == "journal":
        return str(folder / "study.log")
    if kind == "sqlite":
        return f"sqlite:///{folder}/study.db"
    if kind == "target":
        backend = {"_target_": "optuna.storages.journal.JournalFileBackend", "file_path": str(folder / "stock.log")}
        return {"_target_": "optuna.storages.JournalStorage", "log_storage": backend}
    if kind == "target_sql":
        url, arguments = f"sqlite:///{folder}/target.db", {"connect_args": {"timeout": 30}}
        return {"_target_": "optuna.storages.RDBStorage", "url": url, "engine_kwargs": arguments}
    return request.getfixturevalue(f"{kind}_url")


@pytest.fixture(params=KINDS)
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return the name of an empty storage, of each kind in turn."""
    found: Storage = make_storage(request.param, request, tmp_path)
    return found
