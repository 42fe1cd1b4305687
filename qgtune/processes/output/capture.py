"""What a trial prints goes to a file, also what C code and the processes that it starts print."""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qgtune.processes.output.announcements import announce_end, announce_start
from qgtune.processes.output.dialogue import before_dialogue, can_ask, is_debugged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

log = logging.getLogger("qgtune")

FILE = "output.log"
_STREAMS = ("stdout", 1), ("stderr", 2)
_LINE_BUFFERED = 1  # `_IOLBF`


@dataclass(slots=True)
class Capture:
    """Sends this process's standard output and standard error to a file.

    To the file itself, not to a pipe that somebody reads: C code may hold the interpreter's lock while it waits for a
    full pipe to be read, and a child that lives on may hold a pipe open. And a file has the last words of a process
    that is killed.

    Attributes:
        path: the file.
        sweep: the folder of the sweep, where it is announced.
        number: the trial's.
    """

    path: Path
    sweep: Path
    number: int
    _descriptor: int = -1
    _saved: list[tuple[int, int | None]] = field(default_factory=list)
    _tees: list[tuple[str, _Tee]] = field(default_factory=list)
    _buffered: Any = None
    _unshown: str = ""

    def open(self) -> None:
        """Open the file.

        Raises:
            OSError: when it cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)

    def take(self) -> None:
        """Send the descriptors there, and the streams that do not write to them."""
        announce_start(self.sweep, self.number, self.path, os.fstat(self._descriptor).st_size)
        _flush()
        self._saved = [(descriptor, _duplicate(descriptor)) for _, descriptor in _STREAMS]
        for descriptor, _ in self._saved:
            os.dup2(self._descriptor, descriptor)
        _taken.append(self)
        self.copy([name for name, descriptor in _STREAMS if _descriptor_of(getattr(sys, name)) != descriptor])
        if getattr(sys.stdout, "line_buffering", True) is False and hasattr(sys.stdout, "reconfigure"):
            self._buffered = sys.stdout
            self._buffered.reconfigure(line_buffering=True)

    def copy(self, names: Sequence[str] = ("stdout", "stderr")) -> None:
        """Copy there what Python code prints, and leave the descriptors alone."""
        for name in names:
            if getattr(sys, name) is not None:
                tee = _Tee(getattr(sys, name), self._descriptor)
                self._tees.append((name, tee))
                setattr(sys, name, tee)

    def give_back(self) -> None:
        """Let all go where it went before."""
        _flush()
        for descriptor, saved in self._saved:
            if saved is None:
                os.close(descriptor)
            else:
                os.dup2(saved, descriptor)
                os.close(saved)
        for name, tee in self._tees:
            tee.close()
            if getattr(sys, name) is tee:
                setattr(sys, name, tee.real)
        if self._buffered is not None:
            with suppress(ValueError):  # the function has closed it
                self._buffered.reconfigure(line_buffering=False)
        if self in _taken:
            _taken.remove(self)
            announce_end(self.sweep, self.number, os.fstat(self._descriptor).st_size)
            for read in readers:
                with suppress(Exception):  # no trial suffers for what is wrong with its picture
                    read()
        self._saved, self._tees, self._buffered = [], [], None

    def leave_to_the_terminal(self) -> None:
        """Give all back for a debugger or a question, for good, and copy from now on."""
        if self in _taken:
            self.give_back()
            _dialogues.append(self.number)
            self.copy()

    def add_unshown(self, text: str) -> None:
        """Put a text at the end of the file, which nobody shows as what the function printed."""
        self._unshown += text

    def close(self) -> None:
        """Give all back and close the file."""
        self.give_back()
        if self._unshown:
            with suppress(OSError):
                start = "\n" if _ends_within_a_line(self.path) else ""
                os.write(self._descriptor, f"{start}{self._unshown}".encode(errors="replace"))
        os.close(self._descriptor)


readers: list[Callable[[], None]] = []
"""What reads the files in this same process: it is called at the end of each, before anything else is said of it."""
_taken: list[Capture] = []
_dialogues: list[int] = []


def give_back_all() -> None:
    """Let this process print to where it did; for its last words."""
    for capture in _taken:
        capture.give_back()


def is_taken() -> bool:
    """Say whether what this process prints goes to a trial's file now."""
    return bool(_taken)


@contextmanager
def captured(sweep: Path, number: int, folder: Path) -> Iterator[Capture | None]:
    """Keep what is printed inside in the file `output.log` of a trial's folder.

    A process with a debugger, or whose function has talked to the user, keeps its terminal: of it the file has what
    Python code prints.

    Args:
        sweep: the folder of the sweep, where the file is announced.
        number: the trial's.
        folder: its own; it is made if need be.

    Yields:
        None where the file cannot be written: then all is printed as ever.
    """
    capture = Capture(folder / FILE, sweep, number)
    try:
        capture.open()
    except OSError as error:
        log.warning("The output of trial %d is not kept: %s.", number, error)
        yield None
        return
    try:
        if _dialogues or is_debugged():
            capture.copy()
            yield capture
        else:
            with before_dialogue(capture.leave_to_the_terminal) if can_ask() else nullcontext():
                capture.take()
                yield capture
    finally:
        capture.close()


class _Tee:
    """A text stream that copies what is written to it into a file; all else is the real one's."""

    def __init__(self, real: Any, descriptor: int) -> None:
        self.real = real
        self._descriptor: int | None = descriptor

    def write(self, text: str) -> int:
        """Write the text to both."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.write(self._descriptor, text.encode(errors="replace"))
        return int(self.real.write(text) or 0)

    def writelines(self, lines: list[str]) -> None:
        """Write the lines."""
        self.write("".join(lines))

    def close(self) -> None:
        """Copy no more: the function may have kept the stream."""
        self._descriptor = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def _ends_within_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read() not in (b"", b"\n")


def _duplicate(descriptor: int) -> int | None:
    try:
        return os.dup(descriptor)
    except OSError:  # whoever started us has closed it
        return None


def _descriptor_of(stream: Any) -> int | None:
    try:
        return int(stream.fileno())
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def _flush() -> None:
    for stream in {sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__}:
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]
    _flush_c()()


@functools.cache
def _flush_c() -> Callable[[], object]:
    """Return what flushes C's standard output, which writes line by line from now on.

    That one only: C's `fflush` of all streams waits for a thread that reads one.
    """
    libc = ctypes.CDLL(None)
    for name in ("stdout", "__stdoutp"):  # the other one on macOS
        with suppress(ValueError):
            stdout = ctypes.c_void_p.in_dll(libc, name)
            libc.setvbuf(stdout, None, _LINE_BUFFERED, 0)
            return functools.partial(libc.fflush, stdout)
    return lambda: None
