"""The command and the config of a sweep, kept in its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from qgtune.errors import QGTuneError
from qgtune.files import in_its_folder
from qgtune.results.invocation import BASE_FILE, Invocation
from qgtune.space.reading.yaml_files import write_yaml
from qgtune.study.lifecycle import Lifecycle, OpenStudy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from qgtune.study.storages.addresses import Storage


@dataclass(frozen=True)
class KeptCommand(Lifecycle):
    """Keeps the command and Hydra's config of the sweep in its folder, for `qgtune resume`, `rerun` and `ablate`.

    Attributes:
        folder: the sweep folder.
        config: the sweep's config, without secrets.
        storage: where the study is kept, whose password must not be told.
        start: the base settings' values for what is tuned, by path.
    """

    folder: Path
    config: DictConfig
    storage: Storage
    start: Mapping[str, Any] = field(default_factory=dict)

    def sweep_started(self, session: OpenStudy) -> None:  # noqa: ARG002
        """Write them.

        Raises:
            QGTuneError: when nothing can be written to the folder.
        """
        try:
            in_its_folder(self._write_config)
            Invocation.current().write(self.folder, self.storage)
            if self.start:
                write_yaml(self.folder / BASE_FILE, dict(self.start))
        except OSError as error:
            raise QGTuneError(f"Cannot write to the sweep folder: {error}. Give another hydra.sweep.dir.") from None

    def _write_config(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, self.folder / "multirun.yaml")
