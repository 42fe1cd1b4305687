"""The sweeps below a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError, first_line
from qgtune.results.best import best_trials
from qgtune.results.source import CONFIG_NAME, open_source
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import Limits
from qgtune.study.fixed_settings import runs_now
from qgtune.study.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

DEPTH = 6
"""How deep below a folder sweeps are looked for."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep that was found.

    Attributes:
        folder: where it is.
        study: its study's name; empty if it cannot be opened.
        state: `runs` or `ended`, or why the study cannot be opened.
        n_finished: how many of its trials are complete, pruned or failed.
        best: the best value, or values; empty if none completed.
    """

    folder: Path
    study: str = ""
    state: str = ""
    n_finished: int = 0
    best: tuple[float, ...] = ()


def folders_of_sweeps(top: Path) -> list[Path]:
    """Return the sweep folders below a folder, the newest first."""
    return sorted(_below(top, DEPTH), key=lambda folder: (folder / CONFIG_NAME).stat().st_mtime, reverse=True)


def _below(top: Path, depth: int) -> Iterator[Path]:
    if (top / CONFIG_NAME).is_file():
        yield top  # what lies in a sweep are its jobs
    elif depth:
        try:
            inner = sorted(entry.path for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return
        for path in inner:
            if not os.path.basename(path).startswith("."):  # noqa: PTH119 - thousands of them
                yield from _below(Path(path), depth - 1)


def look_at(folder: Path) -> Sweep:
    """Open the study of a sweep folder and say how it stands."""
    try:
        study = open_source(str(folder)).study
    except QGTuneError as error:
        return Sweep(folder, state=first_line(error))
    trials = study.get_trials(deepcopy=False)
    running = runs_now(Session(study, Limits(1)))
    best = best_trials(study)
    values = tuple(best[0].values) if len(study.directions) == 1 and best else ()
    n_finished = sum(trial.state.is_finished() and Attempt.of(trial).end != "measured" for trial in trials)
    return Sweep(folder, study.study_name, "runs" if running else "ended", n_finished, values)
