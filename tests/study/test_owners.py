"""A process is known by host, id and start time."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys

from qgtune.study.attempts.owner import Owner, is_dead, start_time


def test_this_process_is_alive() -> None:
    """The calling process never takes itself for dead."""
    assert not is_dead(Owner.current())


def test_an_ended_process_is_dead() -> None:
    """A process that ended, and was waited for, is dead."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = dataclasses.replace(Owner.current(), pid=process.pid, started=start_time(process.pid))
        assert not is_dead(owner)
        process.kill()
        process.wait()
    assert is_dead(owner)


def test_a_zombie_is_dead() -> None:
    """A process that ended but was not waited for runs nothing any more."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = dataclasses.replace(Owner.current(), pid=process.pid, started=start_time(process.pid))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(owner)


def test_a_reused_id_is_another_process() -> None:
    """The same id with another start time is not the owner."""
    here = Owner.current()
    assert here.started is not None
    assert is_dead(dataclasses.replace(here, started=here.started - 1))


def test_nothing_is_known_of_another_place() -> None:
    """A process of another boot or PID namespace is never called dead, whatever its id, and its host's name."""
    assert not is_dead(Owner("another-place", 2**22 + 1, 1, Owner.current().host))


def test_without_a_start_time_the_id_decides() -> None:
    """Where the system gives no start time, a free id means dead."""
    here = Owner.current()
    assert not is_dead(dataclasses.replace(here, started=None))
    assert is_dead(dataclasses.replace(here, pid=2**22 + 1, started=None))


def test_an_attribute_reads_back() -> None:
    """An owner survives the way through a trial's user attribute; other content is no owner."""
    here = Owner.current()
    assert Owner.from_attribute(here.to_attribute()) == here
    assert Owner.from_attribute(None) is None
    assert Owner.from_attribute({"host": "h"}) is None
