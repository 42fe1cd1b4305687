"""Sweeps that nobody waits for: what `qgtune submit` and `qgtune collect` want of a sweep's process."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError
from qgtune.files import short_path, write_once
from qgtune.study.attempts.limits import Stop, of_total
from qgtune.study.attempts.submission import Submission

if TYPE_CHECKING:
    from qgtune.study.session import Session

SUBMIT = "QGTUNE_SUBMIT"
"""The environment variable that tells a sweep to leave: the file where it says how it is left."""
COLLECT = "QGTUNE_COLLECT"
"""The environment variable that tells a sweep to write results and run nothing: `all`, or `partial` ones, too."""
LINES = "sweep.log"
"""The file in the sweep folder with the lines of a sweep in the background."""


@dataclass(frozen=True, slots=True)
class Left:
    """How a sweep was left.

    Attributes:
        folder: the sweep folder.
        launcher: what has its workers; empty where a process in the background runs it, and writes the results.
        pid: that process.
        n_workers: how many workers there are.
        caution: what it will not do, a sentence; empty for nothing.
    """

    folder: str
    launcher: str
    pid: int
    n_workers: int
    caution: str = ""

    @classmethod
    def read(cls, note: Path) -> Left | None:
        """Read it; None where it is not yet written."""
        return cls(**json.loads(note.read_text())) if note.exists() else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a sweep beside running it.

    Attributes:
        note: the file where it says how it is left; None if it stays.
        collect: which results are to be written instead of running anything: `all` or `partial`; empty for none.
    """

    note: Path | None = None
    collect: str = ""

    @property
    def stays(self) -> bool:
        """Whether it runs as ever."""
        return self.note is None and not self.collect

    @classmethod
    def taken(cls) -> Wanted:
        """Take it out of the environment: sweeps that a trial starts are not meant."""
        note = os.environ.pop(SUBMIT, None)
        return cls(None if note is None else Path(note), os.environ.pop(COLLECT, ""))

    def leave(self, left: Left) -> None:
        """Say how the sweep is left."""
        if self.note is not None:
            write_once(self.note, json.dumps(asdict(left)))


def to_background(folder: Path) -> None:
    """Write what this process and its workers print to a file in the sweep folder from here on."""
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(folder / LINES, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def unfinished(session: Session) -> str:
    """Say how far a study is that is not through; the empty text if it is."""
    decision, ledger = session.decide(), session.refresh()
    if isinstance(decision, Stop) and not ledger.running:
        return ""
    return f"{of_total(ledger.finished, session.limits.n_trials)} so far, {ledger.running} running"


def refuse_unfinished(session: Session, folder: Path) -> None:
    """Refuse to pass off the results of a study that is not through as those of one that is.

    Raises:
        QGTuneError: with how far it is.
    """
    if not (state := unfinished(session)):
        return
    where = shlex.quote(short_path(folder))
    way_out = f"Wait for it with qgtune wait {where}"
    if not session.ledger.running:
        way_out = f"Unless its workers are still to start, go on with qgtune resume {where}"
    raise QGTuneError(f"Cannot collect {where}: {state}. {way_out}, or give --partial to write what there is.")


def submission_of(session: Session) -> Session:
    """Return the session as the submitted workers have it, with their deadline; itself where there are none."""
    found = Submission.of(session.study)
    return session if found is None else found.seen_by(session)
