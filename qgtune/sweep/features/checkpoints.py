"""Checkpoints of trials that nobody will go on with are removed as the sweep goes."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.results.checkpoints import removable
from qgtune.study.lifecycle import Lifecycle, OpenStudy

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.results.kept import Kept
    from qgtune.study.outcome import Outcome

log = logging.getLogger("qgtune")


@dataclass(frozen=True)
class CheckpointFolders(Lifecycle):
    """Removes the checkpoint folders of finished trials, but for those that are kept.

    Attributes:
        folder: where they are.
        kept: which stay.
    """

    folder: Path
    kept: Kept

    def attempt_ended(self, session: OpenStudy, number: int, outcome: Outcome) -> None:  # noqa: ARG002
        """Remove what is not needed any more."""
        if self.folder.exists():
            for found in removable(self.folder, session.study, self.kept, session.limits):
                log.debug("The checkpoints in %s are removed.", found)
                shutil.rmtree(found, ignore_errors=True)
