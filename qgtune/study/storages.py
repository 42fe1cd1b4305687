"""Where a study is kept: one text, one storage."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from optuna.storages import BaseStorage, InMemoryStorage

from qgtune.errors import QGTuneError
from qgtune.study.heartbeat import Heartbeats

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

MEMORY = "memory"


@runtime_checkable
class Claiming(Protocol):
    """A storage that lets one process at a time count trials and create the next one."""

    def claim(self) -> AbstractContextManager[None]:
        """Hold the exclusive right to create trials."""


@runtime_checkable
class Batching(Protocol):
    """A storage that can write several attributes and parameters at once."""

    def batch(self) -> AbstractContextManager[None]:
        """Collect the writes of this thread and make them with one sync at the end."""


class MemoryStorage(InMemoryStorage):
    """A study that lives as long as its process; threads may share it."""

    def __init__(self) -> None:
        super().__init__()
        self._claim_lock = threading.Lock()

    def claim(self) -> AbstractContextManager[object]:
        """Hold the exclusive right to create trials, among the threads of this process."""
        return self._claim_lock


def is_memory(storage: str | None) -> bool:
    """Say whether `storage` names no file: null, `memory` or `none`."""
    return storage is None or storage.lower() in (MEMORY, "none")


def open_storage(storage: str | None) -> BaseStorage:
    """Open a storage, and create its folder if need be.

    Args:
        storage: the path of a journal file; None or `memory` for memory only.

    Raises:
        QGTuneError: when the file cannot be written or is a folder.
    """
    if storage is None or is_memory(storage):
        return MemoryStorage()
    from qgtune.study.journal import Journal

    check_journal_path(storage)
    try:
        Path(storage).parent.mkdir(parents=True, exist_ok=True)
        return Journal(storage)
    except OSError as error:
        raise QGTuneError(f"Cannot open storage {storage!r}: {error.strerror}. Choose another path.") from error


def check_journal_path(storage: str) -> None:
    """Check that a journal can be kept at the path `storage`, without creating anything.

    Raises:
        QGTuneError: when it is an address of a database, a folder, or a path that cannot be written.
    """
    if "://" in storage:
        scheme = storage.split("://", 1)[0]  # the rest may hold a password
        raise QGTuneError(
            f"Cannot open the storage {scheme}://…: only journal files and `memory` are supported. "
            "Give a path such as experiments/study.log."
        )
    path = Path(storage)
    if path.is_dir():
        raise QGTuneError(f"Cannot open storage {str(path)!r}: it is a folder. Name a file in it, such as study.log.")
    nearest = path if path.exists() else _nearest_existing(path.parent)
    if not nearest.is_dir() and nearest != path:
        raise QGTuneError(f"Cannot open storage {str(path)!r}: {str(nearest)!r} is no folder. Choose another path.")
    if not os.access(nearest, os.W_OK):
        raise QGTuneError(
            f"Cannot open storage {str(path)!r}: {str(nearest)!r} cannot be written. Choose another path."
        )


def _nearest_existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def heartbeats_of(storage: str | None) -> Heartbeats | None:
    """Return where the workers of a study show that they live; None where no other host can look."""
    if storage is None or is_memory(storage):
        return None
    path = Path(storage)
    return Heartbeats(path.with_name(f".{path.name}.alive"))


def claim(storage: BaseStorage) -> AbstractContextManager[object]:
    """Hold the exclusive right to create trials in `storage`, where it has such a thing."""
    return storage.claim() if isinstance(storage, Claiming) else contextlib.nullcontext()


def batch(storage: BaseStorage) -> AbstractContextManager[object]:
    """Write the attributes and parameters set inside at once, where `storage` can."""
    return storage.batch() if isinstance(storage, Batching) else contextlib.nullcontext()
