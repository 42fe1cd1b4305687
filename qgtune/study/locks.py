"""Locks between processes that the kernel frees when their holder dies."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class FileLock:
    """An exclusive lock on a file, between processes and between the threads of each.

    It waits in the kernel's queue, without polling, and is free as soon as its holder has ended, however that was.

    Args:
        path: the file to lock; it is made when it is missing, and stays.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.Lock()
        self._descriptor = -1

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            _lock(self._descriptor)
        except OSError as error:
            self._release()
            raise QGTuneError(f"Cannot lock {str(self.path)!r}: {error.strerror}. Check the folder's mode.") from error
        except BaseException:
            self._release()
            raise

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._release()

    def _release(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)  # frees the lock, too
        self._threads.release()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the path: a lock is held by a process."""
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["path"])  # type: ignore[misc]


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)
