"""Terminals of our own, with real processes at their other end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from qgtune.progress.relay.terminals import Relay

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = os.terminal_size((90, 25))


@pytest.fixture
def relay() -> Iterator[Relay]:
    """Return a relay that leaves this process's own output alone."""
    made = Relay((), SIZE)
    yield made
    made.close()


def start(relay: Relay, code: str) -> subprocess.Popen[bytes]:
    """Start Python code on a terminal of the relay."""
    terminal = relay.open()
    assert terminal is not None
    inner = terminal.inner.fileno()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=inner, stderr=inner)
    relay.read_from(terminal, process.pid)
    return process


def lines_of(relay: Relay, process: subprocess.Popen[bytes]) -> list[str]:
    """Read until the process has ended and nothing is left."""
    found: list[str] = []
    is_over = False
    while not is_over:
        is_over = process.poll() is not None
        relay.read(0.05)
        found += relay.lines()
    return found


def test_a_process_sees_a_terminal_of_the_real_size(relay: Relay) -> None:
    """Colours and line buffering are as on the real terminal, and bars are as wide."""
    code = "import os, sys; print(sys.stdout.isatty(), *os.get_terminal_size(1))"
    assert lines_of(relay, start(relay, code)) == ["True 90 25"]


def test_both_streams_keep_their_order(relay: Relay) -> None:
    """Standard output and standard error come out as they were written."""
    code = "import sys\nfor n in range(100): print(n, file=(sys.stdout, sys.stderr)[n % 2])"
    assert lines_of(relay, start(relay, code)) == [str(n) for n in range(100)]


def test_much_output_is_complete(relay: Relay) -> None:
    """A process that writes faster than we read loses nothing."""
    process = start(relay, "for n in range(20000): print(n, 'x' * 50)")
    found = lines_of(relay, process)
    assert [line.split()[0] for line in found if line] == [str(n) for n in range(20000)]


def test_the_last_words_of_a_killed_process_are_kept(relay: Relay) -> None:
    """What a process wrote before it was killed comes out, even a line without an end."""
    process = start(relay, "import sys, time; print('one'); print('two', end='', flush=True); time.sleep(99)")
    deadline_s = time.monotonic() + 60
    while relay.current().get(process.pid) != "two":
        assert time.monotonic() < deadline_s
        relay.read(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    relay.read(1)
    assert relay.lines() == ["one", "two"]


def test_processes_do_not_mix_their_lines(relay: Relay) -> None:
    """Half a line of one process does not get into the line of another."""
    code = "import time\nfor n in range(20): print({0!r} * 5, end='', flush=True); time.sleep(0.002); print({0!r} * 5)"
    processes = [start(relay, code.format(name)) for name in "ab"]
    found = [line for process in processes for line in lines_of(relay, process)]
    assert sorted(found) == ["a" * 10] * 20 + ["b" * 10] * 20


def test_a_grandchild_that_lives_on_does_not_hold_us_up() -> None:
    """Closing takes in what there is and waits for nobody."""
    relay = Relay((), SIZE)
    code = "import subprocess; print('started', subprocess.Popen(['sleep', '60']).pid)"
    process = start(relay, code)
    process.wait()
    found = relay.close()
    assert found[0].startswith("started ")
    os.kill(int(found[0].split()[1]), signal.SIGKILL)


def test_a_resize_reaches_the_processes(relay: Relay) -> None:
    """A process that asks again sees the terminal's new size."""
    code = "import os, time\nwhile (size := os.get_terminal_size(1)).columns == 90: time.sleep(0.01)\nprint(*size)"
    process = start(relay, code)
    relay.read(0.1)
    relay.resize(os.terminal_size((50, 10)))
    assert lines_of(relay, process) == ["50 10"]


def test_a_system_without_terminals_gives_none(relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there are no more pseudo-terminals, processes write to ours as it is."""

    def none_left() -> None:
        raise OSError("out of pty devices")

    monkeypatch.setattr("pty.openpty", none_left)
    assert relay.open() is None
