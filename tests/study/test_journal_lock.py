"""The journal's write lock, beside Optuna's."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from optuna.storages.journal import JournalFileOpenLock, JournalFileSymlinkLock
from optuna.storages.journal._file import LOCK_FILE_SUFFIX

from qgtune.errors import QGTuneError
from qgtune.study.journal import write_lock
from qgtune.study.journal.write_lock import HERE, JournalLock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optuna.storages.journal._file import BaseJournalFileLock

STOCK = pytest.mark.parametrize("stock", [JournalFileSymlinkLock, JournalFileOpenLock], ids=["symlink", "open"])
HOLD = """
import sys
from pathlib import Path
from qgtune.study.journal.write_lock import JournalLock
with JournalLock(Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Give a journal file."""
    path = tmp_path / "study.log"
    path.touch()
    return path


def entry(journal: Path) -> Path:
    """Return what Optuna's locks make."""
    return journal.with_name(journal.name + LOCK_FILE_SUFFIX)


@STOCK
def test_optuna_cannot_enter_while_we_hold_the_lock(journal: Path, stock: Callable[[str], BaseJournalFileLock]) -> None:
    """Optuna waits for us; it finds the lock's age by a file that exists."""
    entered = threading.Event()
    lock = stock(str(journal))

    def enter() -> None:
        lock.acquire()
        entered.set()
        lock.release()

    with JournalLock(journal):
        thread = threading.Thread(target=enter)
        thread.start()
        assert not entered.wait(0.1)
        assert entry(journal).stat().st_mtime > 0
    thread.join()
    assert entered.is_set()
    assert not os.path.lexists(entry(journal))


@STOCK
def test_we_cannot_enter_while_optuna_holds_the_lock(
    journal: Path, stock: Callable[[str], BaseJournalFileLock]
) -> None:
    """We wait for either of Optuna's locks."""
    entered = threading.Event()
    lock = stock(str(journal))
    lock.acquire()

    def enter() -> None:
        with JournalLock(journal):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    assert not entered.wait(0.1)
    lock.release()
    thread.join()
    assert entered.is_set()


def test_the_lock_of_a_killed_holder_is_free_at_once(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What our killed process has left is recognised, and not waited for."""
    monkeypatch.setattr(write_lock, "GRACE_S", float("inf"))
    command = [sys.executable, "-c", HOLD, str(journal)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    assert os.path.lexists(entry(journal))
    with JournalLock(journal):
        pass
    assert not os.path.lexists(entry(journal))


def other_host(journal: Path) -> None:
    """Leave the lock of a process of another host."""
    journal.with_name(".study.log.flock").write_bytes(b"x" * len(HERE))
    entry(journal).symlink_to(".study.log.flock")


def killed_optuna(journal: Path) -> None:
    """Leave a lock of Optuna's."""
    JournalFileSymlinkLock(str(journal)).acquire()


def killed_optuna_after_us(journal: Path) -> None:
    """Leave a lock of Optuna's after one of ours."""
    with JournalLock(journal):
        pass
    JournalFileOpenLock(str(journal)).acquire()


@pytest.mark.parametrize("leave", [other_host, killed_optuna, killed_optuna_after_us])
def test_a_lock_that_may_live_is_waited_for(
    journal: Path, leave: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A lock of Optuna's, or of another host, is taken for left over when it has not changed for the grace time."""
    monkeypatch.setattr(write_lock, "GRACE_S", 0.05)
    leave(journal)
    with JournalLock(journal):
        pass
    assert "is taken for left over" in caplog.text
    assert not os.path.lexists(entry(journal))


def test_a_lock_that_was_taken_from_us_is_left_alone(journal: Path) -> None:
    """Our release does not free the lock of whoever took ours for left over."""
    with JournalLock(journal):
        entry(journal).unlink()
        JournalFileSymlinkLock(str(journal)).acquire()
    assert os.path.lexists(entry(journal))


def refuse(code: int) -> Callable[..., None]:
    """Return a function that fails."""

    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_without_kernel_locks_optunas_is_used(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks we are as good as Optuna."""
    monkeypatch.setattr("fcntl.flock", refuse(errno.ENOLCK))
    with JournalLock(journal):
        assert os.readlink(entry(journal)) == str(journal)  # noqa: PTH115 - as Optuna does
    assert not os.path.lexists(entry(journal))


def test_without_links_optunas_open_lock_is_used(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without symbolic links the entry is a file."""
    monkeypatch.setattr(os, "symlink", refuse(errno.EPERM))
    with JournalLock(journal):
        assert entry(journal).is_file()
    assert not os.path.lexists(entry(journal))


def test_a_full_disk_is_named(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that cannot be made says why, and holds nothing."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "symlink", refuse(errno.ENOSPC))
        with pytest.raises(QGTuneError, match=r"Cannot lock '.*study\.log': No space left on device\. Make its folder"):
            JournalLock(journal).__enter__()
    with JournalLock(journal):
        pass


@pytest.mark.parametrize("name", ["os.symlink", "os.readlink", "os.write", "fcntl.flock"])
def test_a_signal_that_raises_leaves_nothing_locked(journal: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C in the middle of taking the lock, after each of its steps, does not lock out the next taker."""
    module, function = name.split(".")
    genuine = getattr(sys.modules[module], function)

    def interrupted(*arguments: object) -> object:
        genuine(*arguments)
        raise KeyboardInterrupt

    lock = JournalLock(journal)
    with lock:
        pass  # from here on all steps are taken
    entry(journal).symlink_to(".study.log.flock")
    with monkeypatch.context() as patch:
        patch.setattr(name, interrupted)
        with pytest.raises(KeyboardInterrupt):
            lock.__enter__()
    with lock, pytest.raises(FileExistsError):
        entry(journal).symlink_to("somewhere")
    assert not os.path.lexists(entry(journal))
