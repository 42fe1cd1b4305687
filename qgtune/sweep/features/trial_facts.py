"""What each trial ran with is kept beside its record, and code that has changed since the sweep started is named."""

from __future__ import annotations

import logging
import os
import socket
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.files import digest, write_once
from qgtune.processes.project.code import LoadedCode
from qgtune.processes.slots import VISIBLE
from qgtune.results.provenance.trials import TrialFacts
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.sweep.features.provenance import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import Trial

    from qgtune.study.outcome import Outcome

log = logging.getLogger("qgtune")

MARKS = Path(".qgtune", "changed")
LOOK_S = 10.0
"""How often, at most, a report is an occasion to look for code that was loaded since."""


@dataclass
class KeptTrialFacts(Lifecycle):
    """Writes a trial's facts when it starts and when it ends.

    Attributes:
        folder: the sweep folder.
        sweep: the name of this run of it.
        project: where the code is that workers import; None where nobody asks for changes.
        code: the digests of the files that were loaded when the sweep started.
        since_s: when that was, in seconds since the epoch: of a file that was not loaded then, its time tells.
    """

    folder: Path
    sweep: str
    project: Path | None
    code: Mapping[str, str]
    since_s: float
    _loaded: LoadedCode | None = None
    _running: dict[int, TrialFacts] = field(default_factory=dict)
    _looked_s: float = 0.0
    _named: set[str] = field(default_factory=set)

    def attempt_started(self, session: OpenStudy, trial: Trial) -> None:  # noqa: ARG002
        """Write where it runs."""
        self._look()
        facts = TrialFacts(self.sweep, now(), socket.gethostname(), os.getpid(), os.environ.get(VISIBLE))
        self._running[trial.number] = facts
        facts.write(self.folder, trial.number)

    def reported(self, session: OpenStudy, trial: Trial, value: float, step: int) -> None:  # noqa: ARG002
        """Look whether the function has loaded more code: the later, the less can be said of it."""
        if time.monotonic() > self._looked_s + LOOK_S:
            self._look()

    def attempt_ended(self, session: OpenStudy, number: int, outcome: Outcome) -> None:  # noqa: ARG002
        """Write how it ended, and with which code it ran."""
        facts = self._running.pop(number, None)
        if facts is None:
            return
        self._look()
        facts = replace(facts, ended=now(), end=outcome.end)
        if self._loaded is not None:
            # Of a file that changed after it was loaded, the most likely is that it was the one the sweep started with.
            digests = {path: found.digest or self.code.get(path, "") for path, found in self._loaded.files.items()}
            text = "\0".join(f"{path} {found}" for path, found in sorted(digests.items()))
            facts = replace(facts, code=digest(text.encode()), changed=self._changed())
            self._name(number, facts)
        facts.write(self.folder, number)

    def _look(self) -> None:
        if self.project is not None:
            self._loaded = self._loaded or LoadedCode.followed(self.project)
            self._loaded.look()
            self._looked_s = time.monotonic()

    def _changed(self) -> dict[str, str]:
        files = {} if self._loaded is None else self._loaded.files
        return {
            path: loaded.digest
            for path, loaded in sorted(files.items())
            if loaded.digest
            and (loaded.digest != self.code[path] if path in self.code else loaded.changed_s > self.since_s)
        }

    def _name(self, number: int, facts: TrialFacts) -> None:
        """Say it once in a sweep: there may be a process for each trial."""
        for path, found in (facts.changed or {}).items():
            mark = digest(f"{self.sweep} {path} {found}".encode())
            if mark not in self._named and write_once(self.folder / MARKS / mark, path):
                log.warning("The code of %s has changed since the sweep started: trial %d ran with it.", path, number)
            self._named.add(mark)
