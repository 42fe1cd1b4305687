"""A study in a file that any number of processes of this machine share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from qgtune.study.locks import FileLock

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class Journal(JournalStorage):
    """Optuna's journal file, with a right to create trials that one process at a time holds.

    Args:
        path: the journal file; its folder must exist.
    """

    def __init__(self, path: Path | str) -> None:
        super().__init__(JournalFileBackend(str(path)))
        self._claim_lock = FileLock(Path(path).with_name(f".{Path(path).name}.claim"))

    def claim(self) -> AbstractContextManager[None]:
        """Hold the exclusive right to create trials."""
        return self._claim_lock
