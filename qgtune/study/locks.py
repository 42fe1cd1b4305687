"""Locks between processes that the kernel frees when their holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class LockUnsupportedError(QGTuneError):
    """The file system has no locks; NFS without its lock service, for one."""


class FileLock:
    """An exclusive lock on a file, between processes and between the threads of each.

    It waits in the kernel's queue, without polling, and is free as soon as its holder has ended, however that was.
    It is not reentrant. A forked child does not hold what its parent holds.

    Args:
        path: the file to lock; it is made when it is missing, and stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.Lock()
        self._descriptor = -1
        self._owner_pid = -1
        _instances.add(self)

    @property
    def descriptor(self) -> int:
        """The locked file's descriptor, open for reading and writing; -1 while the lock is not held."""
        return self._descriptor

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            self._descriptor = _open_locked(self.path)
            self._owner_pid = os.getpid()
        except OSError as error:
            self._threads.release()
            raise _lock_error(self.path, error) from error
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._owner_pid != os.getpid():
            return  # a child, forked while the lock was held: it is the parent's
        descriptor, self._descriptor, self._owner_pid = self._descriptor, -1, -1
        try:
            _unlock(descriptor)
        finally:
            self._threads.release()

    def forget(self) -> None:
        """Give up what a fork has copied; the parent goes on holding the lock."""
        descriptor, self._descriptor, self._owner_pid = self._descriptor, -1, -1
        self._threads = threading.Lock()
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the path: a lock is held by a process."""
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]


_instances: weakref.WeakSet[FileLock] = weakref.WeakSet()


def _forget_all() -> None:
    for lock in list(_instances):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


def _open_locked(path: Path) -> int:
    """Open and lock the file that `path` names once the lock is held; somebody may have removed it meanwhile."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)  # the umask narrows it
        try:
            _lock(descriptor)
            if _is_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        named = os.stat(path)  # noqa: PTH116 - a third of the time of `Path.stat`, many times a trial
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))


def _lock_error(path: Path, error: OSError) -> QGTuneError:
    if error.errno in _UNSUPPORTED:
        return LockUnsupportedError(
            f"Cannot lock {str(path)!r}: its file system has no locks ({error.strerror}). Use a local disk."
        )
    return QGTuneError(
        f"Cannot lock {str(path)!r}: {error.strerror}. Make its folder writable, or keep the study elsewhere."
    )


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        while True:  # msvcrt gives up after ten seconds
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError as error:
                if error.errno != errno.EDEADLOCK:
                    raise
            else:
                return

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)
        os.close(descriptor)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def _unlock(descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing would not do while a child of `fork` has a copy
        finally:
            os.close(descriptor)
