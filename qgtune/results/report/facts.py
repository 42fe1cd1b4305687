"""What a report tells beside the study itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """A line for the user's shell.

    Attributes:
        purpose: what it does, a few words.
        text: the line itself.
    """

    purpose: str
    text: str


def _no_log(_number: int) -> Path | None:
    return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report tells beside the study itself; the empty one tells nothing.

    Attributes:
        folder: the sweep folder; None if it is not known.
        storage: where the study is kept, as text for people: without a password.
        cwd: the folder that the commands are for; empty if it does not matter.
        commands: how to go on.
        best_config: the YAML text of the best trial's whole config; empty if there is none.
        log_of: gives a trial's log file by the trial's number; None where there is none.
    """

    folder: Path | None = None
    storage: str = ""
    cwd: str = ""
    commands: tuple[Command, ...] = ()
    best_config: str = ""
    log_of: Callable[[int], Path | None] = _no_log
