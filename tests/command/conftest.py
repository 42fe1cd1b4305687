"""Running the command: in this process, in one of its own, and in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from qgtune.command.app import run
from tests.conftest import Run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., Run]

COMMAND = [sys.executable, "-m", "qgtune"]


@pytest.fixture
def qgtune(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the command, run in this process and in the test's folder; its output is no terminal's."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Run:
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Run(code, out, err)

    return call


def in_terminal(width: int, *arguments: object) -> str:
    """Return what the command writes to a terminal of a width, with the terminal's line ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    environment = {key: text for key, text in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=theirs, stderr=theirs, env=environment | {"TERM": "xterm-256color"}
    ):
        os.close(theirs)
        chunks: list[bytes] = []
        try:
            while chunk := os.read(ours, 4096):
                chunks.append(chunk)
        except OSError:  # Linux says so when the other end is closed
            pass
        finally:
            os.close(ours)
    return b"".join(chunks).decode()
