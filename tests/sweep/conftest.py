"""Sweeps that run beside the test, and end with it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.sweep.sweeps import Sweep, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import App

    Start = Callable[..., Sweep]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a starter of sweeps; none of their processes outlives the test."""
    sweeps: list[Sweep] = []

    def make(app: App, *arguments: str, folder: str = "sweep") -> Sweep:
        sweeps.append(Sweep(app, *arguments, folder=folder))
        return sweeps[-1]

    yield make
    for sweep in sweeps:
        for pid in processes(sweep.app):
            os.kill(pid, signal.SIGKILL)
        sweep.end()
