"""A journal file in Optuna's format."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.storages.journal import BaseJournalBackend

from qgtune.errors import QGTuneError
from qgtune.study.journal.write_lock import JournalLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = logging.getLogger("qgtune")

_CHUNK_BYTES = 1 << 22
_TAIL_BYTES = 1 << 12
_encode = json.JSONEncoder(separators=(",", ":")).encode  # as Optuna writes; `json.dumps` would build it each time
# Here an append lands at the end whoever else appends, and the sync of one writer covers the writers before it.
_LOCAL = frozenset(("apfs", "bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"))


class JournalFile(BaseJournalBackend):
    """A journal file that Optuna's `JournalFileBackend` can read and write at the same time.

    Unlike that one, it has a fair lock that the kernel frees, mends a torn last line, and syncs only where it is told
    to. On local file systems it syncs after it has released the lock: waiting writers write meanwhile and share a sync.

    Args:
        path: the file; it is made when it is missing, its folder is not.

    Attributes:
        path: the file.
        position: how many records, and bytes, have been read, or are to count as read.

    Raises:
        QGTuneError: when the file can be neither opened nor made.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        self._name = str(self.path)
        self._lock = JournalLock(self.path)
        self.position = (0, 0)
        self._bad_from: int | None = None
        self._syncs_late = _file_system(self.path) in _LOCAL
        try:
            if not self.path.exists():
                self.path.open("ab").close()
            with self.path.open("rb") as file:
                start = file.read(1)
        except OSError as error:
            raise _error("open", self.path, error, "Choose another path.") from error

        if start not in (b"", b"{"):
            raise QGTuneError(f"Cannot open journal {self._name!r}: it holds something else. Choose another path.")

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records from number `log_number_from` on; a torn last line is none.

        Raises:
            QGTuneError: when the file cannot be read, or a line before the last is no record.
        """
        number, offset = self.position
        skip = 0
        if number != log_number_from:  # another reader shares this object
            number, offset, skip = 0, 0, log_number_from
        try:
            with _opened(self._name, os.O_RDONLY) as descriptor:
                size = os.fstat(descriptor).st_size
                if size < offset:
                    raise self._shrunk()
                whole = True
                while whole and offset < size:
                    lines, read = _read_lines(descriptor, offset, size)
                    records = self._parse(lines, number, offset, is_last=offset + read >= size)
                    yield from records[max(0, skip - number) :]
                    whole = bool(lines) and len(records) == len(lines)
                    number += len(records)
                    offset += read if whole else sum(len(line) + 1 for line in lines[: len(records)])
                    self.position = (number, offset)
        except OSError as error:
            raise _error("read", self.path, error, "Check that it is still there.") from error

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append the records with one write and one sync.

        Raises:
            QGTuneError: when not all can be written; the file holds the first of them then, each as a whole line.
        """
        self.append(logs)

    def append(self, logs: Sequence[dict[str, Any]], *, sync: bool = True) -> None:
        """Append the records with one write, and with one sync if so asked; see `append_logs`."""
        data = "".join([_encode(log) + "\n" for log in logs]).encode()
        try:
            if self._syncs_late:
                with _opened(self._name, os.O_RDWR | os.O_APPEND) as descriptor:
                    with self._lock:
                        self._write(descriptor, data)
                    if sync:
                        os.fsync(descriptor)
            else:  # others see what was written once the file is closed
                with self._lock, _opened(self._name, os.O_RDWR | os.O_APPEND) as descriptor:
                    self._write(descriptor, data)
                    if sync:
                        os.fsync(descriptor)
        except OSError as error:
            way_out = "Make it writable, with some space left; finished trials are kept, and the sweep can be resumed."
            raise _error("write", self.path, error, way_out) from error

    def _write(self, descriptor: int, data: bytes) -> None:
        end = self._mended(descriptor)
        written = 0
        try:
            while written < len(data):  # more than once where the disk is all but full: the last one says why
                written += os.write(descriptor, data[written:])
        except BaseException:  # whole lines stay: a reader may have seen them, and a file never shrinks for it
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, end + data.rfind(b"\n", 0, written) + 1)
            raise

    def _mended(self, descriptor: int) -> int:
        """Move what a dying writer left of its last line to a side file; return the journal's size."""
        size = os.fstat(descriptor).st_size
        if size == 0:
            return 0
        keep = size if os.pread(descriptor, 1, size - 1) == b"\n" else _end_of_lines(descriptor, size)
        if self._bad_from is not None and self._bad_from < keep:
            line = os.pread(descriptor, keep - self._bad_from, self._bad_from)
            if line.count(b"\n") == 1 and not _is_record(line):
                keep = self._bad_from
        self._bad_from = None
        if keep < size:
            self._set_aside(os.pread(descriptor, size - keep, keep))
            os.ftruncate(descriptor, keep)
        return keep

    def _set_aside(self, torn: bytes) -> None:
        side = self._name + ".torn"
        with _opened(side, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as descriptor:
            os.write(descriptor, torn.rstrip(b"\n") + b"\n")
        log.warning("The last line of %r was torn: its writer died. It was moved to %r.", self._name, side)

    def _parse(self, lines: list[bytes], number: int, offset: int, *, is_last: bool) -> list[dict[str, Any]]:
        try:
            records = json.loads(b"[" + b",".join(lines) + b"]")
            if len(records) == len(lines) and all(type(record) is dict for record in records):
                return records  # type: ignore[no-any-return]
        except ValueError:
            pass
        good = next(i for i, line in enumerate(lines) if not _is_record(line))
        if good < len(lines) - 1 or not is_last:
            raise QGTuneError(
                f"Cannot read journal {self._name!r}: line {number + good + 1} is no record. "
                "Remove that line while no process uses the file."
            )
        self._bad_from = offset + sum(len(line) + 1 for line in lines[:good])
        return [json.loads(line) for line in lines[:good]]

    def _shrunk(self) -> QGTuneError:
        return QGTuneError(
            f"Cannot read journal {self._name!r}: it is shorter than it was. "
            "Start again, and do not replace it while it is in use."
        )

    def __reduce__(self) -> tuple[type[JournalFile], tuple[Path]]:
        """Pickle the path; the copy reads from the beginning."""
        return JournalFile, (self.path,)


@contextlib.contextmanager
def _opened(path: str, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _read_lines(descriptor: int, offset: int, size: int) -> tuple[list[bytes], int]:
    """Return whole lines without their ends, and how many bytes they are with them; no line is longer than `size`."""
    want = _CHUNK_BYTES
    while True:
        data = os.pread(descriptor, min(want, size - offset), offset)
        end = data.rfind(b"\n") + 1
        if end or offset + want >= size:
            return data[: end - 1].split(b"\n") if end else [], end
        want *= 2


def _end_of_lines(descriptor: int, size: int) -> int:
    """Return where the last whole line ends."""
    end = size
    while end > 0:
        start = max(0, end - _TAIL_BYTES)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _is_record(line: bytes) -> bool:
    try:
        return line[:1] == b"{" and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _file_system(path: Path) -> str:
    """Name the kind of file system that `path` is on; empty where that cannot be known."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    best = ("", "")
    where = path.resolve()
    for fields in (line.split(" ") for line in mounts):
        point = fields[1].replace("\\040", " ")
        if len(point) >= len(best[0]) and where.is_relative_to(point):
            best = (point, fields[2])
    return best[1]


def _error(verb: str, path: Path, error: OSError, way_out: str) -> QGTuneError:
    return QGTuneError(f"Cannot {verb} journal {str(path)!r}: {error.strerror}. {way_out}")
