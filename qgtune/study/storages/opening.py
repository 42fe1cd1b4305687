"""Where a study is kept: one text or mapping, one storage."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
import time
import warnings
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from optuna.exceptions import ExperimentalWarning
from optuna.storages import BaseStorage, GrpcStorageProxy, InMemoryStorage, RDBStorage

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.files import in_its_folder
from qgtune.study.algorithms.factory import build_storage
from qgtune.study.attempts.heartbeats import AttributeHeartbeats, Beats, Clocked, Heartbeats, RedisHeartbeats
from qgtune.study.journal.storage import Journal
from qgtune.study.storages.addresses import SCHEMES, Storage, kind_of, safe, scrub
from qgtune.study.storages.remote import CONNECT_TIMEOUT_S, RemoteStorage, is_lost, opening

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

GRPC_PORT = 13000
_N_LOOKS = 5
_PACKAGES = {"redis": "redis", "grpc": "grpc"}  # those of the databases depend on the URL


@runtime_checkable
class Batching(Protocol):
    """A storage that can write several attributes and parameters at once."""

    def batch(self) -> AbstractContextManager[None]:
        """Collect the writes of this thread and make them with one sync at the end."""


class MemoryStorage(InMemoryStorage):
    """A study that lives as long as its process; threads may share it."""

    def __init__(self) -> None:
        super().__init__()
        self._creation_lock = threading.Lock()

    def exclusive(self) -> AbstractContextManager[object]:
        """Hold the exclusive right to create trials, among the threads of this process."""
        return self._creation_lock


def is_memory(storage: Storage) -> bool:
    """Say whether `storage` names no file and no server: null, `memory` or `none`."""
    return kind_of(storage) == "memory"


def located(storage: Storage, folder: Path | str) -> Storage:
    """Return the storage with a relative path, of a journal or a SQLite database, taken from `folder`."""
    kind = kind_of(storage)
    if not isinstance(storage, str):
        return storage
    if kind == "journal":
        return str(Path(folder, storage))
    if kind == "sqlite":
        scheme, _, path = storage.partition("://")
        path = path.removeprefix("/")
        prefix = "file:" if path.startswith("file:") else ""
        return f"{scheme}:///{prefix}{Path(folder, path.removeprefix(prefix))}"
    return storage


def file_of(storage: Storage) -> Path | None:
    """Return the file of a journal or a SQLite database; None for what is kept elsewhere.

    Raises:
        QGTuneError: when the URL of a SQLite database names no file.
    """
    if not isinstance(storage, str) or (kind := kind_of(storage)) not in ("journal", "sqlite"):
        return None
    return Path(storage) if kind == "journal" else _sqlite_path(storage)


def file_exists(storage: Storage) -> bool:
    """Say whether the file of a journal or a SQLite database is there; true for what is kept elsewhere."""
    file = file_of(storage)
    return file is None or file.exists()


def open_storage(storage: Storage) -> BaseStorage:
    """Open a storage, and create its folder or its tables if need be.

    Args:
        storage: the path of a journal file, the URL of a database or server, or a mapping with a `_target_`; None or
            `memory` for memory only.

    Raises:
        QGTuneError: in one line, without a password: what cannot be opened, why, and what to do.
    """
    check_storage(storage)
    if isinstance(storage, Mapping):
        return _open_target(storage)
    kind = kind_of(storage)
    if storage is None or kind == "memory":
        return MemoryStorage()
    if kind == "journal":
        _make_file(Path(storage))
        return Journal(storage)
    if kind == "redis":
        from qgtune.study.storages.redis_journal import RedisJournal

        return RedisJournal(storage)
    if kind == "grpc":
        return _open_proxy(storage)
    from qgtune.study.storages.sql import open_sql

    if kind == "sqlite":
        _make_file(_sqlite_path(storage))
    return open_sql(storage)


def _make_file(path: Path) -> None:
    """Make the empty file of a new study, which keeps its folder in place."""

    def make() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()

    if path.exists():
        return
    try:
        in_its_folder(make)
    except OSError as error:
        raise QGTuneError(f"Cannot open storage {str(path)!r}: {error.strerror}. Choose another path.") from error


def _open_proxy(url: str) -> BaseStorage:
    place = urlsplit(url)
    with opening(url), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # whoever names it has decided
        proxy = GrpcStorageProxy(host=place.hostname or "localhost", port=place.port or GRPC_PORT)
        try:
            proxy.wait_server_ready(timeout=CONNECT_TIMEOUT_S)
        except ConnectionError:
            proxy.close()
            raise ConnectionError(f"nothing answered within {CONNECT_TIMEOUT_S} s (connection refused?)") from None
    return RemoteStorage(proxy, url)


def _open_target(conf: Mapping[str, Any]) -> BaseStorage:
    with opening(conf):
        built = _build(conf)
    if isinstance(built, RDBStorage):
        from qgtune.study.storages.sql import one_at_a_time

        return one_at_a_time(built, conf)
    return built if hasattr(built, "exclusive") else RemoteStorage(built, conf)


def _build(conf: Mapping[str, Any], n_tries: int = 5) -> BaseStorage:
    """Build a storage; again where another process was just making the same tables."""
    for n_left in reversed(range(n_tries)):
        try:
            return build_storage(conf)
        except QGTuneError as error:
            cause = error.__cause__
            if cause is not None and type(cause).__module__.startswith("sqlalchemy.") and n_left:
                time.sleep(0.2)
            elif cause is not None and is_lost(cause):
                raise cause from None
            else:
                raise QGTuneError(*(scrub(problem, conf) for problem in error.problems)) from None
    raise AssertionError("unreachable")  # pragma: no cover


def check_storage(storage: Storage) -> None:
    """Check what can be checked of a storage without creating or reaching anything.

    Raises:
        QGTuneError: for an unknown scheme, a missing package, or a path that cannot be written.
    """
    kind = kind_of(storage)
    if isinstance(storage, Mapping):
        _check_target(storage)
    elif storage is None or kind == "memory":
        return
    elif kind == "journal":
        _check_path(Path(storage))
    else:
        _check_url(storage)


def _check_target(conf: Mapping[str, Any]) -> None:
    target = str(conf.get("_target_"))
    if "_target_" not in conf:
        raise QGTuneError(
            "Cannot use the mapping given as storage: it has no `_target_`. "
            "Name a class such as optuna.storages.RDBStorage."
        )
    if target.endswith("InMemoryStorage"):
        raise QGTuneError(f"Cannot use {target} as storage: no other process sees it. Give `memory` instead.")


def _check_url(url: str) -> None:
    kind = kind_of(url)
    if kind == "unknown":
        scheme = url.split("://", 1)[0]
        raise QGTuneError(
            f"Cannot open the storage {scheme}://…: there is no such kind.{did_you_mean(scheme, SCHEMES)} "
            "Give a path, memory, redis://, postgresql://, mysql://, sqlite:/// or grpc://."
        )
    if kind in _PACKAGES:
        if importlib.util.find_spec(_PACKAGES[kind]) is None:
            package = {"grpc": "grpcio"}.get(kind, kind)
            raise QGTuneError(
                f"Cannot open the storage {safe(url)}: the package {package} is not installed. "
                f"Run: pip install 'qgtune[{kind}]'."
            )
        _check_port(url)
    elif kind == "sqlite":
        _check_path(_sqlite_path(url))
    else:
        from qgtune.study.storages.sql import with_driver

        with_driver(url)


def _check_port(url: str) -> None:
    try:
        place = urlsplit(url)
        _ = place.port
    except ValueError:
        raise QGTuneError(
            f"Cannot open the storage {safe(url)}: it is no URL of the form scheme://user:password@host:port. "
            "Write odd characters of the password as %XX."
        ) from None


def _sqlite_path(url: str) -> Path:
    path = url.partition("://")[2].partition("?")[0].removeprefix("/").removeprefix("file:")
    if path.rpartition("/")[2] in ("", ":memory:"):
        raise QGTuneError(f"Cannot open the storage {safe(url)}: it names no file. Give sqlite:///study.db, or memory.")
    return Path(path)


def _check_path(path: Path) -> None:
    try:
        # More than one look: another sweep may make folders, and remove them, only to see whether it could write.
        reasons = list(takewhile(bool, (_unfit(path) for _ in range(_N_LOOKS))))
        reason = reasons[-1] if len(reasons) == _N_LOOKS else ""
    except OSError as error:  # a name that is too long, say
        reason = str(error.strerror)
    if reason:
        raise QGTuneError(f"Cannot open storage {str(path)!r}: {reason}. Choose another path.")


def _unfit(path: Path) -> str:
    """Say why a file cannot be opened or made; the empty text if nothing speaks against it."""
    if path.is_dir():
        return "it is a folder, not a file in it such as study.log"
    if path.exists() and not path.is_file():
        return "it is no file"
    nearest = path if path.exists() else _nearest_existing(path.parent)
    if not nearest.is_dir() and nearest != path:
        return f"{str(nearest)!r} is no folder"
    return "" if os.access(nearest, os.W_OK) else f"{str(nearest)!r} cannot be written"


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def heartbeats_of(storage: BaseStorage, study_id: int) -> Beats | None:
    """Return how the workers of a study show that they live; None where no other host can look."""
    if isinstance(storage, InMemoryStorage):
        return None
    if isinstance(storage, Journal):
        return Heartbeats(storage.path.with_name(f".{storage.path.name}.alive"))
    if (log := getattr(storage, "log", None)) is not None:
        return RedisHeartbeats(log)
    if isinstance(storage, Clocked):
        return AttributeHeartbeats(storage, study_id, storage.now_s, tolerance_s=0.0)
    return AttributeHeartbeats(storage, study_id)


def batch(storage: BaseStorage) -> AbstractContextManager[object]:
    """Write the attributes and parameters set inside at once, where `storage` can."""
    return storage.batch() if isinstance(storage, Batching) else contextlib.nullcontext()
