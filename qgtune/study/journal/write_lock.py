"""The write lock of a journal: a kernel lock among ourselves, Optuna's lock against everybody else."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.storages.journal import JournalFileOpenLock, JournalFileSymlinkLock

from qgtune.errors import QGTuneError
from qgtune.study.journal.locks import FileLock, GeneratorLock, LockUnsupportedError

if TYPE_CHECKING:
    from collections.abc import Generator

log = logging.getLogger("qgtune")

GRACE_S = 30.0  # as in Optuna's locks
POLL_S = 0.001
_SUFFIX = ".lock"  # as in Optuna's locks, see tests/study/test_journal_lock.py
_NO_SYMLINKS = {errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class JournalLock(GeneratorLock):
    """The right to append to a journal, fair among our processes and exclusive with Optuna's two locks.

    First a `FileLock` on `.<name>.flock`, for which our processes queue in the kernel. Its holder then makes
    `<name>.lock`, the entry that stock Optuna makes, too; ours is a symbolic link to the `.flock` file. So our
    processes contend for that entry with stock ones only. If the holder is killed, the kernel frees the first lock,
    and the next holder on the same host knows that an entry of our kind can only be left over. An entry of another
    kind, or of another host, is left alone until it has not changed for `GRACE_S`, as stock Optuna does.

    Args:
        journal: the journal file.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__()
        # Optuna's link has to lead somewhere from the journal's folder, or Optuna never takes it for left over.
        journal = journal.absolute()
        self._journal = str(journal)
        self._entry = self._journal + _SUFFIX
        self._mark = f".{journal.name}.flock"
        self._queue = FileLock(journal.with_name(self._mark))

    def _hold(self) -> Generator[None, None, None]:
        queued = False
        try:
            with self._queue:
                queued = True
                self._holder = threading.get_ident()
                yield from self._hold_entry()
        except LockUnsupportedError:
            if queued:
                raise
        if not queued:
            yield from self._hold_stock(JournalFileSymlinkLock(self._journal))

    def _hold_entry(self) -> Generator[None, None, None]:
        if not self._take_entry():
            yield from self._hold_stock(JournalFileOpenLock(self._journal))
            return
        try:
            yield
        finally:
            if self._is_ours():  # else somebody took it for left over and is the holder now
                _unlink(self._entry)

    def _hold_stock(self, stock: JournalFileOpenLock | JournalFileSymlinkLock) -> Generator[None, None, None]:
        try:
            stock.acquire()
        except OSError as error:
            raise _entry_error(self._entry, error) from error
        try:
            yield
        finally:
            with contextlib.suppress(RuntimeError):  # somebody took it for left over
                stock.release()

    def _take_entry(self) -> bool:
        """Make the entry; return False where there are no symbolic links."""
        descriptor = self._queue.descriptor
        if os.read(descriptor, len(HERE)) == HERE:
            if self._is_ours():
                _unlink(self._entry)  # its holder was killed, or the kernel lock would not be ours
        else:
            self._wait_until_free()  # the file may name the host of a living holder: not ours to overwrite
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, HERE)  # also renews the time by which Optuna sees that the lock changes hands
        return self._link()

    def _link(self) -> bool:
        patience = _Patience(self._entry)
        while True:
            try:
                os.symlink(self._mark, self._entry)  # noqa: PTH211 - many times a trial
            except FileExistsError:
                patience.wait()
            except OSError as error:
                if error.errno not in _NO_SYMLINKS:
                    raise _entry_error(self._entry, error) from error
                return False
            else:
                return True

    def _wait_until_free(self) -> None:
        patience = _Patience(self._entry)
        while os.path.lexists(self._entry):
            patience.wait()

    def _is_ours(self) -> bool:
        try:
            return os.readlink(self._entry) == self._mark  # noqa: PTH115 - a `Path` takes as long as the call
        except OSError:
            return False


class _Patience:
    """Waits for the holder of an entry, and removes the entry when it has not changed for `GRACE_S`."""

    def __init__(self, entry: str) -> None:
        self._entry = entry
        self._seen: tuple[object, ...] | None = None
        self._since = 0.0

    def wait(self) -> None:
        seen, now = _look_at(self._entry), time.monotonic()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif seen is not None and now - self._since > GRACE_S:
            log.warning("The lock %r has not changed for %g s; it is taken for left over.", self._entry, GRACE_S)
            _unlink(self._entry)
            return
        time.sleep(POLL_S)


def _look_at(entry: str) -> tuple[object, ...] | None:
    """Return what changes when the entry changes hands, or what it points to is written; None if there is none."""
    try:
        own = os.lstat(entry)
    except OSError:
        return None
    try:
        target = os.stat(entry).st_mtime_ns  # noqa: PTH116 - polled
    except OSError:  # Optuna's link is relative to its process's folder
        target = 0
    return own.st_ino, own.st_ctime_ns, target


def _unlink(entry: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(entry)  # noqa: PTH108 - many times a trial


def _entry_error(entry: str, error: OSError) -> QGTuneError:
    return QGTuneError(
        f"Cannot lock {entry.removesuffix(_SUFFIX)!r}: {error.strerror}. "
        "Make its folder writable, with some space left; finished trials are kept, and the sweep can be resumed."
    )


def _this_kernel() -> bytes:
    """Name the kernel that keeps our locks, in 36 bytes: containers share it, a reboot and another host change it."""
    try:
        text = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        text = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{socket.gethostname()} {uuid.getnode()}"))
    return text.encode().ljust(36)[:36]


HERE = _this_kernel()
