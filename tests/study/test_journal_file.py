"""The journal's file: its format, its tears, its errors."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from optuna.storages.journal import JournalFileBackend

from qgtune.errors import QGTuneError
from qgtune.study.journal import file as journal_file
from qgtune.study.journal.file import JournalFile

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS: list[dict[str, Any]] = [{"n": n, "text": "ä" * n} for n in range(5)]
NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> JournalFile:
    """Give a journal with five records."""
    file = JournalFile(tmp_path / "study.log")
    file.append_logs(RECORDS)
    return file


def test_optuna_reads_what_we_write(file: JournalFile) -> None:
    """Optuna's backend finds our records, and would have written the same bytes."""
    stock = JournalFileBackend(str(file.path))
    assert list(stock.read_logs(0)) == RECORDS
    before = file.path.read_bytes()
    file.path.write_bytes(b"")
    stock.append_logs(RECORDS)
    assert file.path.read_bytes() == before


def test_we_read_what_optuna_writes(file: JournalFile) -> None:
    """A reader that is up to date gets only what Optuna has added."""
    assert list(file.read_logs(0)) == RECORDS
    JournalFileBackend(str(file.path)).append_logs([{"n": 5}])
    assert list(file.read_logs(5)) == [{"n": 5}]
    assert list(file.read_logs(6)) == []


def test_two_readers_can_share_an_object(file: JournalFile) -> None:
    """A reader that lags behind another gets what it asks for."""
    list(file.read_logs(0))
    assert list(file.read_logs(2)) == RECORDS[2:]
    assert list(file.read_logs(5)) == []


def test_chunks_may_end_anywhere(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are whole however the file is cut into reads, and however long a line is."""
    for n_bytes in range(1, 40):
        monkeypatch.setattr(journal_file, "_CHUNK_BYTES", n_bytes)
        assert list(JournalFile(file.path).read_logs(0)) == RECORDS


@pytest.mark.parametrize(
    "torn", [b'{"n":', b'{"n": "\xc3', b"x" * 10_000, b'{"n":5}'], ids=["short", "utf", "long", "end"]
)
def test_a_torn_last_line_is_ignored_then_set_aside(
    file: JournalFile, torn: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader does not see it; the next writer moves it away and says so once."""
    with file.path.open("ab") as raw:
        raw.write(torn)
    assert list(file.read_logs(0)) == RECORDS
    file.append_logs([{"n": 6}])
    file.append_logs([{"n": 7}])
    assert list(file.read_logs(5)) == [{"n": 6}, {"n": 7}]
    assert list(JournalFileBackend(str(file.path)).read_logs(5)) == [{"n": 6}, {"n": 7}]
    assert file.path.with_name("study.log.torn").read_bytes() == torn + b"\n"
    assert caplog.text.count("was torn") == 1


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path) -> None:
    """The first record may be torn, too."""
    path = tmp_path / "study.log"
    path.write_bytes(b'{"op')
    file = JournalFile(path)
    file.append_logs(RECORDS)
    assert list(file.read_logs(0)) == RECORDS


def test_a_last_line_of_rubbish_is_set_aside(file: JournalFile) -> None:
    """A torn line that got an end, as from Optuna's next write, is no record, and is moved away."""
    with file.path.open("ab") as raw:
        raw.write(b'{"n"{"n":5}\n')
    assert list(file.read_logs(0)) == RECORDS
    file.append_logs([{"n": 6}])
    assert list(file.read_logs(5)) == [{"n": 6}]


@pytest.mark.parametrize("line", [b"rubbish", b"", b"[1]", b'{"n":1},{"n":2}'], ids=["text", "empty", "list", "two"])
def test_a_line_of_rubbish_in_the_middle_is_named(file: JournalFile, line: bytes) -> None:
    """What was lost cannot be known there, so that the user has to decide."""
    with file.path.open("ab") as raw:
        raw.write(line + b'\n{"n":6}\n')
    with pytest.raises(QGTuneError, match=r"Cannot read journal '.*': line 6 is no record\. Remove that line"):
        list(file.read_logs(0))


def test_a_journal_that_was_cut_is_named(file: JournalFile) -> None:
    """A file that is shorter than what was read is another file."""
    list(file.read_logs(0))
    file.path.write_bytes(b"")
    with pytest.raises(QGTuneError, match=r"it is shorter than it was\. Start again"):
        list(file.read_logs(5))


def test_a_removed_journal_is_not_made_again(file: JournalFile) -> None:
    """A running sweep does not go on in an empty file."""
    file.path.unlink()
    with pytest.raises(QGTuneError, match=r"Cannot write journal .*: No such file"):
        file.append_logs(RECORDS)
    with pytest.raises(QGTuneError, match=r"Cannot read journal .*: No such file"):
        list(file.read_logs(0))
    assert not file.path.exists()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The folder is the caller's to make."""
    with pytest.raises(QGTuneError, match=r"Cannot open journal .*: No such file or directory\. Choose another path"):
        JournalFile(tmp_path / "none" / "study.log")


def test_a_sync_is_made_where_it_is_asked_for(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """`append_logs` syncs once; `append` does as it is told."""
    syncs: list[int] = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    file.append_logs(RECORDS)
    assert len(syncs) == 1
    file.append(RECORDS, sync=False)
    assert len(syncs) == 1


@pytest.mark.parametrize(("kind", "locked"), [("ext4", False), ("nfs4", True), ("", True)])
def test_a_sync_waits_for_the_lock_where_that_is_safe(
    tmp_path: Path, kind: str, *, locked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a local disk others may write during a sync; elsewhere they would not see what was not synced."""
    monkeypatch.setattr(journal_file, "_file_system", lambda _: kind)
    file = JournalFile(tmp_path / "study.log")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(os.path.lexists(tmp_path / "study.log.lock")))
    file.append_logs(RECORDS)
    assert seen == [locked]
    assert list(file.read_logs(0)) == RECORDS


def test_a_copy_from_a_pickle_reads_from_the_beginning(file: JournalFile) -> None:
    """A pickled file can be used elsewhere."""
    list(file.read_logs(0))
    copy = pickle.loads(pickle.dumps(file))  # noqa: S301 - our own bytes
    assert list(copy.read_logs(0)) == RECORDS


FILL = """
import resource, signal, sys
from qgtune.errors import QGTuneError
from qgtune.study.journal.file import JournalFile
file = JournalFile(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
try:
    for n in range(1000):
        file.append_logs([{"n": n, "text": "x" * 37}] * 3)
except QGTuneError as error:
    print(error)
"""


def test_a_line_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    """A write that stops in the middle of a line takes that line back, and the error says what to do."""
    path = tmp_path / "study.log"
    command = [sys.executable, "-c", FILL, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Cannot write journal" in done.stdout
    assert "File too large. Make it writable, with some space left; finished trials are kept" in done.stdout
    assert not os.path.lexists(tmp_path / "study.log.lock")
    check_whole(path)


def check_whole(path: Path) -> None:
    """Check that the journal is whole lines, and can be continued."""
    file = JournalFile(path)
    n_records = len(list(file.read_logs(0)))
    assert n_records > 0
    assert path.read_bytes().endswith(b"\n")
    file.append_logs(RECORDS)
    assert list(file.read_logs(n_records)) == RECORDS
    assert not path.with_name("study.log.torn").exists()


def append_for_ever(file: JournalFile) -> None:
    """Append three records at a time."""
    for n in itertools.count():
        file.append_logs([{"n": n, "text": "x" * 37}] * 3)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run([mount, "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=False)
    if done.returncode != 0:
        pytest.skip("this container may not mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_an_error_and_no_loss(small_disk: Path) -> None:
    """On a full disk the error says so; with space again, the journal goes on."""
    path = small_disk / "study.log"
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 16_384)
    file = JournalFile(path)
    with pytest.raises(QGTuneError, match=r"Cannot write journal .*: No space left on device\. Make it writable"):
        append_for_ever(file)
    ballast.unlink()
    check_whole(path)


def test_readers_survive_a_disk_that_fills_within_a_batch(file: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read the first lines of a batch that then did not fit goes on reading."""
    reader = JournalFile(file.path)
    n_before = len(list(reader.read_logs(0)))
    write = os.write

    def write_a_part(descriptor: int, data: bytes) -> int:
        if not data.startswith(b"{") and data.count(b"\n") == 0:  # the lock's own file
            return write(descriptor, data)
        if len(list(reader.read_logs(n_before))) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: data.index(b"\n") + 5])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_a_part)
        with pytest.raises(QGTuneError, match="No space left on device"):
            file.append_logs([{"n": 1}, {"n": 2}, {"n": 3}])
    file.append_logs([{"n": 4}])
    assert list(reader.read_logs(n_before)) == [{"n": 1}, {"n": 4}]


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Go on as a user who may not write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def sealed() -> Iterator[JournalFile]:
    """Give a journal in a folder that can only be read."""
    folder = Path(tempfile.mkdtemp())
    file = JournalFile(folder / "study.log")
    file.append_logs(RECORDS)
    file.path.chmod(0o444)
    folder.chmod(0o555)
    yield file
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_can_only_be_read_can_be_read(sealed: JournalFile) -> None:
    """Reading needs no lock and no right to write; a writer is told why not, in one line."""
    with unprivileged():
        file = JournalFile(sealed.path)
        assert list(file.read_logs(0)) == RECORDS
        with pytest.raises(
            QGTuneError, match=r"Cannot write journal .*: Permission denied\. Make it writable"
        ) as caught:
            file.append_logs(RECORDS)
        assert "\n" not in str(caught.value)
        with pytest.raises(QGTuneError, match=r"Cannot open journal .*: Permission denied\. Choose another path"):
            JournalFile(sealed.path.with_name("other.log"))


def test_a_lock_that_cannot_be_made_is_named(sealed: JournalFile) -> None:
    """A journal that could be written, in a folder that cannot, is an error about the lock."""
    sealed.path.chmod(0o666)
    sealed.path.with_name(".study.log.flock").unlink()
    with unprivileged(), pytest.raises(QGTuneError, match=r"Cannot lock .*: Permission denied"):
        sealed.append_logs(RECORDS)
    assert list(JournalFile(sealed.path).read_logs(0)) == RECORDS
