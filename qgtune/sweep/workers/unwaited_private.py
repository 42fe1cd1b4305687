"""Submitting without waiting: the launchers of submitit submit their jobs and then ask each for its result."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LAUNCHERS = "hydra_plugins.hydra_submitit_launcher."
"""What the targets of launchers that can be left start with."""


@contextmanager
def unwaited() -> Iterator[None]:
    """Let each submitted job have an empty result at once: hydra-submitit-launcher 1.2 has no way to submit only."""
    from submitit import Job

    def nothing_yet(_job: Any) -> list[None]:
        return [None]

    results = Job.results
    Job.results = nothing_yet  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        Job.results = results  # type: ignore[method-assign]
