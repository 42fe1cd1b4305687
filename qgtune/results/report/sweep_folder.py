"""What a sweep left in its folder, read without Hydra."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import QGTuneError
from qgtune.results.commands import dashboard_command, report_command, resume_command, run_command
from qgtune.results.report.facts import Command, Facts
from qgtune.results.report.masks import masked
from qgtune.space.yaml_files import load_yaml_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optuna.trial import FrozenTrial

CONFIG_FILE = "multirun.yaml"


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """A folder with the `multirun.yaml` of a sweep of ours.

    Attributes:
        path: the folder, absolute.
        config: the sweep's composed config, its interpolations unresolved, with this folder as `hydra.sweep.dir`.
    """

    path: Path
    config: DictConfig

    @classmethod
    def read(cls, path: Path) -> SweepFolder:
        """Read the folder.

        Raises:
            QGTuneError: when it holds no sweep of qgtune's.
        """
        path = path.absolute()
        if not (path / CONFIG_FILE).is_file():
            raise QGTuneError(
                f"Cannot read {str(path)!r} as a sweep folder: it has no {CONFIG_FILE}. "
                "Give the folder that a sweep printed, or the study's storage."
            )
        try:
            config = OmegaConf.load(path / CONFIG_FILE)
        except Exception as error:  # noqa: BLE001 - YAML and OmegaConf raise many kinds, all for the same mistake
            raise QGTuneError(f"Cannot read {str(path / CONFIG_FILE)!r}: {' '.join(str(error).split())}.") from None
        sweeper = OmegaConf.select(config, "hydra.sweeper")
        if not isinstance(config, DictConfig) or not isinstance(sweeper, DictConfig) or "study_name" not in sweeper:
            raise QGTuneError(f"Cannot read {str(path)!r} as a sweep folder: its {CONFIG_FILE} names no study.")
        OmegaConf.set_readonly(config, None)
        OmegaConf.set_struct(config, None)
        config.hydra.sweep.dir = str(path)
        return cls(path, config)

    @property
    def study_name(self) -> str | None:
        """The study's name; None where it cannot be read any more."""
        name = self._select("hydra.sweeper.study_name")
        return None if name is None else str(name)

    @property
    def storage(self) -> str | None:
        """The study's storage: an address, or a file's path, found also when the folder was moved; None for memory."""
        storage = self._select("hydra.sweeper.storage")
        if storage is None or "://" in str(storage):
            return None if storage is None else str(storage)
        path = self._placed(str(storage))
        beside = self.path / path.name
        return str(beside if not path.exists() and beside.exists() else path)

    def facts(self, trial: FrozenTrial | None, program: Sequence[str]) -> Facts:
        """Return what a report tells of this folder.

        Args:
            trial: the best one so far; None if there is none.
            program: how the app is started; empty if that is not known.
        """
        best = self._best_config(trial)
        return Facts(
            folder=self.path,
            storage=masked(self.storage or "memory"),
            cwd=str(self._select("hydra.runtime.cwd") or ""),
            commands=tuple(self._commands(program, has_best=bool(best))),
            best_config=masked(best),
            log_of=self.log_of,
        )

    def _commands(self, program: Sequence[str], *, has_best: bool) -> list[Command]:
        best, found = self._result("best_config_path"), []
        program = program or self._guessed_program()
        if program and best and has_best:
            found.append(Command("Run the best config", run_command(program, best)))
        if program and self.storage is not None:
            overrides = [*self._list("hydra.overrides.hydra"), *self._list("hydra.overrides.task")]
            resume = masked(resume_command(program, overrides, self.path))
            found.append(Command("Go on with the study; hydra.sweeper.n_trials is its total", resume))
        if self.storage is not None:
            found.append(Command("Look at the study in a browser", dashboard_command(masked(self.storage))))
            found.append(Command("Write this page again", report_command(str(self.path))))
        return found

    def _guessed_program(self) -> list[str]:
        """Return how the app is started, if it is a script in the folder that it was started in."""
        script = f"{self._select('hydra.job.name')}.py"
        return ["python", script] if self._placed(script).exists() else []

    def _best_config(self, trial: FrozenTrial | None) -> str:
        """Return the text of the written best config, unless it is another trial's by now."""
        config, values = self._result("best_config_path"), self._result("best_trial_path")
        if trial is None or config is None or not config.is_file():
            return ""
        if values is not None and values.is_file() and not _agree(load_yaml_file(values, "best trial"), trial.params):
            return ""
        return config.read_text(encoding="utf-8", errors="replace")

    def log_of(self, number: int) -> Path | None:
        """Return a trial's log file; None if it left none."""
        folder = self.path / self._subdir(number)
        preferred = folder / f"{self._select('hydra.job.name')}.log"
        if preferred.is_file():
            return preferred
        return next(iter(sorted(folder.glob("*.log"))), None)

    def _subdir(self, number: int) -> str:
        """Return a trial's folder below the sweep folder."""
        if self._select("hydra.sweep.subdir", resolve=False) == "${hydra.job.num}":
            return str(number)  # at once: this is the rule, and resolving costs a millisecond
        self.config.hydra.job.num, self.config.hydra.job.id = number, str(number)
        return str(self._select("hydra.sweep.subdir") or number)

    def _result(self, key: str) -> Path | None:
        """Return where a result file of the sweep is; None if it was switched off."""
        given = self._select(f"hydra.sweeper.{key}")
        return None if given is None else self._placed(str(given))

    def _placed(self, path: str) -> Path:
        """Return a path of the config, which is relative to the folder that the sweep was started in."""
        return Path(str(self._select("hydra.runtime.cwd") or "."), path)

    def _list(self, key: str) -> list[str]:
        return [str(item) for item in self._select(key) or ()]

    def _select(self, key: str, *, resolve: bool = True) -> Any:
        if not resolve:
            parent, _, last = key.rpartition(".")
            node = OmegaConf.to_container(OmegaConf.select(self.config, parent), resolve=False)
            return node.get(last) if isinstance(node, dict) else None
        try:
            with_hydra = _hydra_resolver(self.config)
            try:
                return OmegaConf.select(self.config, key, throw_on_missing=False)
            finally:
                with_hydra()
        except OmegaConfBaseException:
            return None


def _hydra_resolver(config: DictConfig) -> Callable[[], None]:
    """Let `${hydra:…}` resolve where Hydra is not there to do it; return how to end that."""
    if OmegaConf.has_resolver("hydra"):
        return lambda: None
    OmegaConf.register_new_resolver("hydra", lambda key: OmegaConf.select(config, f"hydra.{key}"))

    def end() -> None:
        OmegaConf.clear_resolver("hydra")

    return end


def _agree(written: Any, params: Mapping[str, Any]) -> bool:
    """Say whether a written best trial is the one with `params`, which hold lists and mappings as JSON text."""
    if not isinstance(written, dict) or written.keys() != params.keys():
        return False
    return all(isinstance(written[key], (list, dict)) or written[key] == value for key, value in params.items())
