"""The command and the config of a sweep, kept in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.results.invocation import Invocation
from qgtune.study.lifecycle import Lifecycle, OpenStudy

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.study.storages.addresses import Storage


@dataclass(frozen=True)
class KeptCommand(Lifecycle):
    """Keeps the command and Hydra's config of the sweep in its folder, for `qgtune resume` and `qgtune rerun`.

    Attributes:
        folder: the sweep folder.
        config: the sweep's config, without secrets.
        storage: where the study is kept, whose password must not be told.
    """

    folder: Path
    config: DictConfig
    storage: Storage

    def sweep_started(self, session: OpenStudy) -> None:  # noqa: ARG002
        """Write them.

        Raises:
            QGTuneError: when nothing can be written to the folder.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            OmegaConf.save(self.config, self.folder / "multirun.yaml")
            Invocation.current().write(self.folder, self.storage)
        except OSError as error:
            raise QGTuneError(f"Cannot write to the sweep folder: {error}. Give another hydra.sweep.dir.") from None
