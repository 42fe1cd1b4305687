"""Where the outputs of a sweep's trials are: one file of the sweep that its workers append to, wherever they run."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FILE = Path(".qgtune", "outputs")


@dataclass(frozen=True, slots=True)
class Announcement:
    """An attempt's output begins, or has ended.

    Attributes:
        number: the trial's.
        path: the file, absolute; empty when the output has ended.
        host: where it is written.
        pid: the process that runs the trial.
        start_bytes: from where on the file is this attempt's.
        end_bytes: up to where the file is what the function printed; None when it begins. What follows is for readers
            of the file only.
    """

    number: int
    path: str = ""
    host: str = ""
    pid: int = 0
    start_bytes: int = 0
    end_bytes: int | None = None

    def is_dead(self) -> bool:
        """Say whether the process is known to be gone."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except OSError as error:  # there is one of somebody else's, perhaps
            return isinstance(error, ProcessLookupError)
        return False


def announce_start(sweep: Path, number: int, path: Path, start_bytes: int) -> None:
    """Say that a trial of the sweep in this folder prints to a file from now on."""
    here = {"host": socket.gethostname(), "pid": os.getpid()}
    _append(sweep, {"trial": number, "file": str(path), **here, "start": start_bytes})


def announce_end(sweep: Path, number: int, end_bytes: int) -> None:
    """Say that a trial prints no more."""
    _append(sweep, {"trial": number, "end": end_bytes})


def _append(sweep: Path, line: dict[str, object]) -> None:
    with suppress(OSError):  # then nobody shows the output, which is kept all the same
        (sweep / FILE).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(sweep / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(descriptor, f"{json.dumps(line)}\n".encode())
        finally:
            os.close(descriptor)


class Announcements:
    """Reads what is announced from now on, or what was from the start."""

    def __init__(self, sweep: Path, *, from_start: bool = False) -> None:
        self._path = sweep / FILE
        self._rest = b""
        self._position = 0
        with suppress(OSError):
            self._position = 0 if from_start else self._path.stat().st_size

    def new(self) -> list[Announcement]:
        """Return what was announced since the last call."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                data = file.read()
        except OSError:
            return []
        self._position += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [found for line in lines if (found := _read(line)) is not None]


def output_of(sweep: Path, number: int) -> Path | None:
    """Return the file with what a trial of the sweep printed; None where none was announced."""
    announcements = Announcements(sweep, from_start=True)
    paths = [found.path for found in announcements.new() if found.number == number and found.path]
    return Path(paths[-1]) if paths else None


def _read(line: bytes) -> Announcement | None:
    try:
        data = json.loads(line)
        if "end" in data:
            return Announcement(int(data["trial"]), end_bytes=int(data["end"]))
        return Announcement(
            int(data["trial"]), str(data["file"]), str(data["host"]), int(data["pid"]), int(data["start"])
        )
    except (ValueError, KeyError, TypeError):  # two hosts wrote at once on a file system that lets them
        return None
