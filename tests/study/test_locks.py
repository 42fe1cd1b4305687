"""The lock between processes."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from qgtune.errors import QGTuneError
from qgtune.study.journal import waiting
from qgtune.study.journal.locks import FileLock, LockUnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from qgtune.study.journal.locks import FileLock
with FileLock(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    """Nobody else has the lock while its holder lives; a waiter has it once the holder was killed."""
    path = tmp_path / "lock"
    events = []

    def wait() -> None:
        with FileLock(path):
            events.append("acquired")

    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        waiter = threading.Thread(target=wait)
        waiter.start()
        waiter.join(0.1)
        events.append("killed")
        holder.kill()
        waiter.join()
    assert events == ["killed", "acquired"]


def test_a_holder_that_is_frozen_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits says for whom, once, and goes on waiting."""
    monkeypatch.setattr(waiting, "LONG_S", 0.1)
    monkeypatch.setattr(waiting, "POLL_S", 0.05)
    monkeypatch.setattr(waiting, "_watches_in", [0])
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        thaw = threading.Timer(1.0, os.kill, (holder.pid, signal.SIGCONT))
        thaw.start()
        assert holder.stdin is not None
        print(file=holder.stdin, flush=True)
        with FileLock(path):
            pass
        thaw.join()
    (record,) = [record for record in caplog.records if "everybody waits" in record.message]
    assert f"Process {holder.pid} has held the lock" in record.message


def test_threads_exclude_each_other(tmp_path: Path) -> None:
    """One lock object, and two on one file, let one thread in at a time."""
    shared = FileLock(tmp_path / "lock")
    inside: list[int] = []
    most = []

    def work(lock: FileLock) -> None:
        for _ in range(50):
            with lock:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work, args=(lock,)) for lock in (shared, shared, FileLock(shared.path))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 150
    assert max(most) == 1


def test_a_removed_lock_file_is_made_again(tmp_path: Path) -> None:
    """Removing the file does not leave a process with a lock that no other can see."""
    lock = FileLock(tmp_path / "lock")
    with lock:
        lock.path.unlink()
    with lock:
        assert lock.path.exists()


def test_a_waiter_takes_the_file_that_is_there_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was replaced while the lock was waited for is not mistaken for the lock."""
    lock = FileLock(tmp_path / "lock")
    opened: list[int] = []
    genuine = os.open

    def open_and_replace(path: str, flags: int, mode: int) -> int:
        descriptor = genuine(path, flags, mode)
        if not opened:
            lock.path.unlink()
        opened.append(descriptor)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_replace)
    with lock:
        assert os.path.samestat(lock.path.stat(), os.fstat(lock.descriptor))
    assert len(opened) == 2


def test_a_copy_from_a_pickle_holds_nothing(tmp_path: Path) -> None:
    """A pickled lock is the same file, not held."""
    lock = FileLock(tmp_path / "lock")
    with lock:
        copy = pickle.loads(pickle.dumps(lock))  # noqa: S301 - our own bytes
    assert copy.path == lock.path
    with copy:
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_holds_nothing(tmp_path: Path) -> None:
    """A child forked under the lock does not keep it after the parent's release, nor free it before."""
    lock = FileLock(tmp_path / "lock")
    read, write = os.pipe()
    with lock:
        child = os.fork()
        if child == 0:
            lock.__exit__(None, None, None)
            os.read(read, 1)
            with lock:
                os._exit(7)
    with lock:
        os.write(write, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A lock that cannot be made says where and what to do, and can be tried again."""
    lock = FileLock(tmp_path / "none" / "lock")
    for _ in range(2):
        with pytest.raises(QGTuneError, match=r"Cannot lock '.*lock': No such file or directory\. Make its folder"):
            lock.__enter__()


def test_a_file_system_without_locks_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of its own says that there are no locks, so that a caller can do without."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(LockUnsupportedError, match=r"has no locks \(No locks available\)\. Use a local disk"):
        FileLock(tmp_path / "lock").__enter__()


def test_a_lock_that_was_left_held_is_free_for_its_thread(tmp_path: Path) -> None:
    """A signal that raises before the release has begun does not lock out the thread that it struck."""
    lock = FileLock(tmp_path / "lock")
    lock.__enter__()
    with lock:
        assert lock.descriptor >= 0
    with FileLock(lock.path):
        pass
