"""What a sweep ran with is kept in its folder, and code that changed meanwhile is named."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import qgtune
from qgtune.errors import listed
from qgtune.results.invocation import Invocation
from qgtune.results.provenance import file, machine
from qgtune.results.provenance.git import git_facts
from qgtune.results.provenance.trials import changed_code
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.study.storages.addresses import hidden
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from threading import Thread

    from qgtune.study.storages.addresses import Storage

log = logging.getLogger("qgtune")

PATIENCE_S = 15.0
"""How long the end of a sweep waits for what git and nvidia-smi say."""
N_SHOWN = 10


def now() -> str:
    """Return the time as ISO 8601 with a zone."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


@dataclass
class Provenance(Lifecycle):
    """Writes `provenance.json`: at the start in a thread, since git and the packages take their time, and at the end.

    Attributes:
        folder: the sweep folder.
        sweep: the name of this run of it.
        project: the folder of the project's code.
        code: the digests of the files that were loaded when it started, by path below the project's folder.
        launcher: its `_target_`, and how many workers it runs.
        storage: where the study is kept, whose password must not be told.
        freeze_code: what becomes of changes to the code.
        copy: the copy that workers import; None for none.
    """

    folder: Path
    sweep: str
    project: Path
    code: Mapping[str, str]
    launcher: Mapping[str, Any]
    storage: Storage
    freeze_code: str
    copy: Path | None = None
    _entry: dict[str, Any] = field(default_factory=dict)
    _thread: Thread | None = None

    def sweep_started(self, session: OpenStudy) -> None:
        """Take down what costs nothing, and let a thread find out the rest."""
        command = Invocation.current()
        line = hidden([*command.program, *command.arguments], self.storage)
        self._entry = {
            "sweep": self.sweep,
            "study": session.study.study_name,
            "started": now(),
            "ended": None,
            "command": line,
            "cwd": command.folder,
            "pid": os.getpid(),
            "qgtune": qgtune.__version__,
            "launcher": dict(self.launcher),
            "environment": machine.environment(),
            "project": str(self.project),
            "code": dict(sorted(self.code.items())),
            "freeze_code": self.freeze_code,
            "copy": None if self.copy is None else str(self.copy),
        }
        self._thread = start_thread(self._find_out, name="qgtune-provenance")

    def _find_out(self) -> None:
        self._entry |= {"python": machine.python(), "hardware": machine.hardware()}
        self._entry |= {"git": git_facts(self.project), "packages": machine.packages()}
        self._write()

    def sweep_ended(self, session: OpenStudy) -> None:
        """Complete the file, and name the code that changed."""
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
        numbers = (trial.number for trial in session.study.get_trials(deepcopy=False))
        changed = changed_code(self.folder, self.sweep, numbers) if self.freeze_code != "off" else []
        self._entry |= {"ended": now(), "changed_code": changed}
        self._write()
        for change in changed:
            trials = change["trials"]
            which = f"trial{'s' * (len(trials) > 1)} {listed(trials, N_SHOWN)}"
            log.warning("The code of %s changed while the sweep ran: %s had it.", change["file"], which)

    def _write(self) -> None:
        try:
            file.write(self.folder, self.sweep, dict(self._entry))
        except OSError as error:
            log.warning("Cannot write %s: %s", file.FILE, error.strerror)
