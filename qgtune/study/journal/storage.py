"""A study in a file that any number of processes share, stock Optuna's among them."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from optuna.storages.journal import JournalFileSymlinkLock

from qgtune.study.journal.file import JournalFile
from qgtune.study.journal.locks import FileLock, LockUnsupportedError
from qgtune.study.journal.replay_private import BatchingStorage, Replay
from qgtune.study.journal.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SNAPSHOT_RECORDS = 20_000
"""How many records an opening may replay before it leaves a snapshot; about 0.1 s of work."""


class Journal(BatchingStorage):
    """Optuna's journal storage in a file of the same format, with cheap writes and fair locks.

    Args:
        path: the journal file; its folder must exist.

    Raises:
        QGTuneError: when the file cannot be opened or read. Every method that writes raises it when the disk is full,
            or the folder cannot be written; the file is whole then, with the first lines of what was written.
    """

    _backend: JournalFile

    def __init__(self, path: Path | str) -> None:
        file = JournalFile(path)
        self._creation_lock = FileLock(file.path.with_name(f".{file.path.name}.creation"))
        super().__init__(file)

    @property
    def path(self) -> Path:
        """The journal file."""
        return self._backend.path

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the exclusive right to count and create trials; sampling and writing go on meanwhile."""
        held = False
        try:
            with self._creation_lock:
                held = True
                yield
        except LockUnsupportedError:
            if held:
                raise
        if not held:
            with _stock_lock(self._creation_lock.path):
                yield

    def start_replay(self, replay: Replay) -> None:
        """Load the snapshot, read the rest of the journal, and leave a new snapshot if that was much."""
        snapshot = Snapshot(self._backend.path)
        n_known = 0
        with _without_collector():
            if (loaded := snapshot.load()) is not None:
                records, n_known, n_bytes = loaded
                replay.apply_logs(records)
                replay.log_number_read = n_known
                self._backend.position = (n_known, n_bytes)
            replay.apply_logs(self._backend.read_logs(n_known))
            n_read, n_bytes = self._backend.position
            if n_read - n_known >= max(SNAPSHOT_RECORDS, n_known // 2) and (summary := replay.summary()) is not None:
                snapshot.save(summary, n_read, n_bytes)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep Python from looking for rubbish among a long journal's trials: it takes a fifth of the time, for nothing."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextmanager
def _stock_lock(path: Path) -> Iterator[None]:
    """Hold Optuna's lock, for file systems that have no other."""
    path.touch()
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
