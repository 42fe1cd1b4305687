"""Where this package runs, and what it says elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

from qgtune import QGTuneError
from qgtune.processes.slots import n_cores
from qgtune.sweep.workers import elsewhere
from qgtune.systems import refuse_windows


def test_windows_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep there ends before anything is imported that Windows lacks."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(QGTuneError, match="Cannot tune on Windows"):
        refuse_windows()


def test_macos_has_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cores are counted all the same."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.delattr(os, "sched_getaffinity")
    assert n_cores() >= 1


@pytest.mark.parametrize("system", ["Linux", "macOS"])
def test_a_blocked_interrupt_is_taken(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the call that Linux has, and without it."""
    if system == "macOS":
        monkeypatch.delattr(signal, "sigtimedwait")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        assert not elsewhere._interrupted(0.01)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        assert elsewhere._interrupted(0.01)
        assert not elsewhere._interrupted(0.01)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
