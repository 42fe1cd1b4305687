"""Finding a study by what a user names: a sweep folder, a journal file, or the address of a database."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import QGTuneError, did_you_mean, first_line, listed
from qgtune.space.paths import parse_path, select
from qgtune.space.reading.yaml_files import load_yaml_file
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.storages.addresses import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

    import optuna
    from optuna.storages import BaseStorage

CONFIG_NAME = "multirun.yaml"
JOURNAL_NAME = "study.log"
_DEPTH = 3  # below `multirun`, a sweep lies in a folder for its day and one for its time
_N_NAMED = 5


@dataclass(frozen=True, slots=True)
class Source:
    """A study that was found.

    Attributes:
        study: the study, to be read only.
        storage: where it is kept, fit to be shown: a path, or the kind of a database without its password.
        folder: the sweep folder; None when the study was named by its storage, and lies in no sweep folder.
        config: what Hydra composed for the sweep, with `hydra.sweep.dir` at the folder where it is now; None without a
            sweep folder, or where that holds no `multirun.yaml`.
    """

    study: optuna.Study
    storage: str
    folder: Path | None = None
    config: DictConfig | None = None

    @classmethod
    def of_sweep(cls, study: optuna.Study, folder: Path) -> Source:
        """Return the source that a sweep's open study and folder make, also where it is kept in memory."""
        config = read_sweep_config(folder)
        try:
            storage = "memory" if config is None else storage_of(config, folder)
        except QGTuneError:
            storage = "memory"
        return cls(study, safe(storage), folder, config)

    @property
    def checkpoints(self) -> Path | None:
        """Where the sweep's configurations keep what outlives an attempt; None if it is not known."""
        text = _text(self.config, "hydra.sweeper.checkpoint_path")
        if text is None or self.folder is None:
            return None
        return _moved(self.cwd / text, self.folder)

    def trial_folder(self, number: int) -> Path | None:
        """Return the folder of a trial's job, or None if there is none; of a configuration with repeats that of all."""
        if self.folder is None:
            return None
        found = self.folder / self._subdir(number)
        return found if found.is_dir() else None

    def _subdir(self, number: int) -> str:
        if self.config is None or _raw(self.config, "sweep").get("subdir") == "${hydra.job.num}":
            return str(number)  # at once: this is the rule, and resolving costs a millisecond
        self.config.hydra.job.num, self.config.hydra.job.id = number, str(number)
        return _text(self.config, "hydra.sweep.subdir") or str(number)

    def trial_log(self, number: int) -> Path | None:
        """Return a trial's log file: the job's, or any in its folder; None if it left none."""
        attempt = Attempt.of(self.study.get_trials(deepcopy=False)[number])
        folder = self.trial_folder(attempt.name(number))
        if folder is None:
            return None
        if attempt.replicate:
            again = folder / f"{attempt.replicate}_{number}"
            folder = again if again.is_dir() else folder / attempt.replicate
        name = _text(self.config, "hydra.job.name")
        preferred = folder / f"{name}.log"
        return preferred if preferred.is_file() else next(iter(sorted(folder.glob("*.log"))), None)

    def result_file(self, key: str, suffix: str = "") -> Path | None:
        """Return the file that `hydra.sweeper.<key>` names, such as `best_config_path`, or None if there is none.

        Args:
            key: of the sweeper.
            suffix: what follows the name's stem, such as `_7` for a trial of the Pareto front.
        """
        text = _text(self.config, f"hydra.sweeper.{key}")
        if text is None or self.folder is None:
            return None
        named = self.cwd / text
        found = _moved(named.with_name(f"{named.stem}{suffix}{named.suffix}"), self.folder)
        return found if found.is_file() else None

    def best_config(self, number: int, params: Mapping[str, Any]) -> Path | None:
        """Return the file with a best trial's config; None if there is none: a sweep writes it when it ends.

        Args:
            number: of the trial.
            params: its hyperparameters as values of the config, by path.
        """
        suffix = "" if len(self.study.directions) == 1 else f"_{number}"
        file = self.result_file("best_config_path", suffix) or self.result_file("best_param_path", suffix)
        if file is None:
            return None
        try:
            config: Any = load_yaml_file(file, "best config")
        except QGTuneError:
            return None
        there = {path: select(config, parse_path(path.lstrip("+"))) for path in params}
        # The option of a swept config group is a text, and a mapping is what it leads to.
        holds = all(there[path] == value or isinstance(there[path], dict) for path, value in params.items())
        return file if holds else None

    @property
    def cwd(self) -> Path:
        """The folder that the sweep was started in; the working folder if that is not known."""
        return Path(_text(self.config, "hydra.runtime.cwd") or ".")


def open_source(text: str, study_name: str | None = None) -> Source:
    """Open a study to read it. Nothing is created.

    Args:
        text: a sweep folder, the path of a journal file, or the address of a database.
        study_name: the study's name; None takes the one that the sweep folder names, or the storage's only one.

    Raises:
        QGTuneError: when there is no such folder, storage or study, or the storage holds several and none was named.
    """
    if "://" in text:
        return _from_storage(text, study_name)
    path = Path(text)
    if path.is_dir():
        return _from_folder(path.absolute(), study_name)
    if path.is_file():
        return _from_journal(path.absolute(), study_name)
    raise QGTuneError(
        f"Cannot open {text!r}: there is no such folder or file. "
        "Give a sweep folder, a journal file, or the address of a database."
    )


def read_sweep_config(folder: Path) -> DictConfig | None:
    """Return what Hydra composed for the sweep of a folder, moved to where the folder is now; None if it has none.

    Raises:
        QGTuneError: when the file cannot be read.
    """
    file = folder / CONFIG_NAME
    if not file.is_file():
        return None
    try:
        config = OmegaConf.load(file)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, it is the user's to mend
        reason = first_line(error, type(error).__name__).removesuffix(".")
        raise QGTuneError(f"Cannot read {str(file)!r}: {reason}.") from None
    # Looked at as text: the name of a sweep folder is often made of the time.
    raw: Any = OmegaConf.to_container(config, resolve=False)
    if not isinstance(config, DictConfig) or not _is_sweep(raw):
        raise QGTuneError(f"Cannot read {str(file)!r}: it is no config of a sweep.")
    found = DictConfig(_without_hydras_resolver(raw))
    found.hydra.sweep.dir = str(folder)
    return found


def _without_hydras_resolver(node: Any) -> Any:
    """Return plain data in which `${hydra:key}`, which only Hydra resolves, is `${hydra.key}`."""
    if isinstance(node, dict):
        return {key: _without_hydras_resolver(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_without_hydras_resolver(value) for value in node]
    return node.replace("${hydra:", "${hydra.") if isinstance(node, str) else node


def _is_sweep(raw: Any) -> bool:
    node = raw.get("hydra") if isinstance(raw, dict) else None
    return isinstance(node, dict) and all(isinstance(node.get(key), dict) for key in ("sweep", "sweeper"))


def _from_folder(folder: Path, study_name: str | None) -> Source:
    config = read_sweep_config(folder)
    if config is None:
        if (folder / JOURNAL_NAME).is_file():
            return _from_storage(str(folder / JOURNAL_NAME), study_name, folder)
        raise QGTuneError(f"Cannot open {str(folder)!r}: it is no sweep folder.{_newest_below(folder)}")
    storage = storage_of(config, folder)
    name = study_name or _text(config, "hydra.sweeper.study_name")
    return _from_storage(storage, name, folder, config)


def _from_journal(path: Path, study_name: str | None) -> Source:
    """Open a journal; it may lie in the sweep folder that it belongs to."""
    folder = path.parent
    config = read_sweep_config(folder)
    if config is None or storage_of(config, folder) != str(path):
        return _from_storage(str(path), study_name)
    return _from_storage(str(path), study_name or _text(config, "hydra.sweeper.study_name"), folder, config)


def storage_of(config: DictConfig, folder: Path) -> str:
    """Return the storage of the sweep in a folder.

    Raises:
        QGTuneError: when it was kept in memory, or where it is cannot be known any more.
    """
    from qgtune.study.storages.opening import is_memory, located

    in_memory = is_memory(_raw(config, "sweeper").get("storage"))
    text = None if in_memory else _text(config, "hydra.sweeper.storage")
    if text is None and (folder / JOURNAL_NAME).is_file():  # also what workers share that cannot share memory
        return str(folder / JOURNAL_NAME)
    if in_memory:
        raise QGTuneError(f"Cannot open {str(folder)!r}: its study was kept in memory, and ended with its process.")
    if text is None:
        raise QGTuneError(
            f"Cannot open {str(folder)!r}: the storage that its {CONFIG_NAME} names does not resolve here. "
            "Give the storage itself."
        )
    found = str(located(text, _text(config, "hydra.runtime.cwd") or "."))
    return found if "://" in found else str(_moved(Path(found), folder))


def _moved(path: Path, folder: Path) -> Path:
    """Return where a file is that may have moved together with its sweep folder."""
    return folder / path.name if not path.exists() and (folder / path.name).is_file() else path


def _raw(config: DictConfig, key: str) -> dict[str, Any]:
    """Return a node of `hydra` as plain data, interpolations as text."""
    node: Any = OmegaConf.to_container(config.hydra[key], resolve=False)
    return node if isinstance(node, dict) else {}


def _text(config: DictConfig | None, path: str) -> str | None:
    """Return a value as text; None if there is none, or it does not resolve outside of its app."""
    if config is None:
        return None
    try:
        value = OmegaConf.select(config, path, throw_on_missing=False)
    except OmegaConfBaseException:
        return None
    return None if value is None else str(value)


def _from_storage(text: str, name: str | None, folder: Path | None = None, config: DictConfig | None = None) -> Source:
    import optuna

    from qgtune.study.storages.opening import file_of

    shown = safe(text)
    file = file_of(text)
    if file is not None and not file.is_file():  # opening would make it
        reason = f"there is no file {str(file)!r} any more"
        raise QGTuneError(f"Cannot open the study of {str(folder or shown)!r}: {reason}.")
    storage = _open(text)
    names = optuna.get_all_study_names(storage)
    if not names:
        raise QGTuneError(f"Cannot open a study of {shown!r}: it holds none.")
    held = listed(list(map(repr, names)), _N_NAMED)
    if name is None and len(names) > 1:
        raise QGTuneError(f"Cannot choose a study of {shown!r}: it holds {held}. Name one with --study.")
    if name is not None and name not in names:
        hint = did_you_mean(name, names) or f" It holds {held}."
        raise QGTuneError(f"Cannot open study {name!r} of {shown!r}: there is no such study.{hint}")
    return Source(optuna.load_study(study_name=name or names[0], storage=storage), shown, folder, config)


def _open(text: str) -> BaseStorage:
    from qgtune.study.storages.opening import open_storage

    if "://" in text or os.access(text, os.W_OK):
        return open_storage(text)
    # Our own journal wants to be able to write; a colleague's results can often only be read.
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(text))


def _newest_below(folder: Path) -> str:
    """Name the newest sweep folder below one that is none."""
    found = [file for depth in range(1, _DEPTH + 1) for file in folder.glob("*/" * depth + CONFIG_NAME)]
    if not found:
        return " Give the folder that the sweep was written to."
    tops = {file.parent for file in found}
    tops = {top for top in tops if tops.isdisjoint(top.parents)}  # those in a sweep are the runs that confirm it, say
    newest = max(tops, key=lambda top: (top / CONFIG_NAME).stat().st_mtime)
    return f" Did you mean {os.path.relpath(newest)!r}?"
