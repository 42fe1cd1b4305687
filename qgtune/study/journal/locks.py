"""Locks between processes that the kernel frees when their holder dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import weakref
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError
from qgtune.study.journal.waiting import watched

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from types import TracebackType

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class LockUnsupportedError(QGTuneError):
    """The file system has no locks; NFS without its lock service, for one."""


class GeneratorLock:
    """A lock that is held as long as a generator is suspended: whatever ends the generator frees it.

    It is not reentrant. A signal handler that raises may do so anywhere, even at the start of `__exit__`: what this
    thread has left held is released by its next `__enter__`.
    """

    def __init__(self) -> None:
        self._held: Generator[None, None, None] | None = None
        self._holder = 0

    def __enter__(self) -> None:
        if self._held is not None and self._holder == threading.get_ident():
            self._release()
        held = self._hold()
        next(held)  # a signal that raises from here on drops the generator, and that frees the lock
        self._held = held

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        held, self._held = self._held, None
        if held is not None:  # else a fork made this process forget the lock
            held.close()

    def _hold(self) -> Generator[None, None, None]:
        """Acquire the lock, note the thread as `_holder`, yield once, and free the lock."""
        raise NotImplementedError


class FileLock(GeneratorLock):
    """An exclusive lock on a file, between processes and between the threads of each.

    It waits in the kernel's queue, without polling, and is free as soon as its holder has ended, however that was.
    A forked child does not hold what its parent holds.

    Args:
        path: the file to lock; it is made when it is missing, and stays.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._threads = threading.Lock()
        self._descriptor = -1
        _instances.add(self)

    @property
    def descriptor(self) -> int:
        """The locked file's descriptor, open for reading and writing; -1 while the lock is not held."""
        return self._descriptor

    def _hold(self) -> Generator[None, None, None]:
        pid = os.getpid()
        with self._threads:
            try:
                self._holder = threading.get_ident()
                self._close_left_open()
                self._open_locked()
                yield
            except OSError as error:
                raise _lock_error(self.path, error) from error
            finally:
                if self._descriptor >= 0:
                    _close(self._descriptor, unlock=os.getpid() == pid)
                    self._descriptor = -1

    def _close_left_open(self) -> None:
        """Close what a signal that raised in the midst of a release left open; the number may be reused."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                if _is_at(self.path, self._descriptor):
                    os.close(self._descriptor)
            self._descriptor = -1

    def _open_locked(self) -> None:
        """Open and lock the file that the path names once the lock is held; somebody may have removed it meanwhile."""
        while True:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)  # the umask narrows it
            if not _try_lock(self._descriptor):
                with watched(self.path):
                    fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if _is_at(self.path, self._descriptor):
                return
            removed, self._descriptor = self._descriptor, -1
            os.close(removed)

    def forget(self) -> None:
        """Give up what a fork has copied; the parent goes on holding the lock."""
        held, self._held = self._held, None
        self._threads = threading.Lock()
        if held is not None:
            with contextlib.suppress(ValueError):  # another thread was in the middle of it
                held.close()
        self._descriptor = -1

    def __reduce__(self) -> tuple[type[FileLock], tuple[Path]]:
        """Pickle the path: a lock is held by a process."""
        return FileLock, (self.path,)


_instances: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_instances):
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        named = os.stat(path)  # noqa: PTH116 - a third of the time of `Path.stat`, many times a trial
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _close(descriptor: int, *, unlock: bool) -> None:
    try:
        if unlock:  # closing would not do while a child of `fork` has a copy
            with contextlib.suppress(OSError):  # it never came to the lock
                fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        with contextlib.suppress(OSError):  # a signal that raised can have come after it was closed
            os.close(descriptor)


def _lock_error(path: Path, error: OSError) -> QGTuneError:
    if error.errno in _UNSUPPORTED:
        return LockUnsupportedError(
            f"Cannot lock {str(path)!r}: its file system has no locks ({error.strerror}). Use a local disk."
        )
    return QGTuneError(
        f"Cannot lock {str(path)!r}: {error.strerror}. Make its folder writable, or keep the study elsewhere."
    )


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
