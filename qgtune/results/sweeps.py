"""The sweeps below a folder, and whether one runs on a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qgtune.errors import QGTuneError
from qgtune.results.source import CONFIG_NAME
from qgtune.study.attempts.limits import Limits
from qgtune.study.fixed_settings import runs_now
from qgtune.study.optuna_private import id_of, storage_of
from qgtune.study.session import Session
from qgtune.study.storages.opening import heartbeats_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import optuna

DEPTH = 6
"""How deep below a folder sweeps are looked for."""
NEAR = 4
"""As `DEPTH`, where no folder was named, and the working folder may hold anything; Hydra puts sweeps 3 deep."""


def folders_of_sweeps(top: Path, depth: int = DEPTH) -> list[Path]:
    """Return the sweep folders below a folder, the newest first: the one that was last started."""
    return sorted(_below(top, depth), key=lambda folder: (folder / CONFIG_NAME).stat().st_mtime, reverse=True)


def newest_sweep() -> Path:
    """Return the newest sweep below the working folder.

    Raises:
        QGTuneError: when there is none.
    """
    found = folders_of_sweeps(Path(), NEAR)
    if not found:
        raise QGTuneError("Cannot choose a sweep: there is none below this folder. Give a sweep folder or a storage.")
    return found[0]


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


def state_of(study: optuna.Study) -> Literal["runs", "ended"]:
    """Say whether a sweep is known to run on a study; one of another host that shows no sign of life does not."""
    return "runs" if runs_now(session_beside(study)) else "ended"


def session_beside(study: optuna.Study) -> Session:
    """Return a session that sees which of a study's workers live; it is not to ask for trials."""
    return Session(study, Limits(1), heartbeats=heartbeats_of(storage_of(study), id_of(study)))
