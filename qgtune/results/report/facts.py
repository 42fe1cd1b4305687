"""What a report tells beside the study itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from qgtune.errors import QGTuneError
from qgtune.results.best import best_trials, params_of
from qgtune.results.invocation import Invocation, own_command
from qgtune.results.recorded import Record
from qgtune.results.report.setup import setup_of
from qgtune.space.paths import MISSING, parse_path, select
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.results.source import Source


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report tells beside the study itself; the empty one tells nothing.

    Attributes:
        folder: the sweep folder; None if it is not known.
        storage: where the study is kept, as text for people: without a password.
        place: what names the study to a command: the folder, or the storage and the study; empty where none can.
        cwd: the folder that the commands are for; empty if it does not matter.
        is_recorded: whether the folder tells how a trial is run again.
        base: the base settings by hyperparameter; None if they are not known.
        commands: how to go on, as pairs of a purpose and a line for the shell.
        setup: how the sweep was set up, as pairs of a name and a text.
        best_config: the YAML text of the best trial's whole config; empty if there is none.
        log_of: gives a trial's log file by the trial's number; None where there is none.
        config_of: gives a trial's whole config as plain data; None where there is none.
    """

    folder: Path | None = None
    storage: str = ""
    place: tuple[str, ...] = ()
    cwd: str = ""
    is_recorded: bool = False
    base: Mapping[str, Any] | None = None
    commands: tuple[tuple[str, str], ...] = ()
    setup: tuple[tuple[str, str], ...] = ()
    best_config: str = ""
    log_of: Callable[[int], Path | None] = lambda _number: None
    config_of: Callable[[FrozenTrial], Any] = lambda _trial: None

    @property
    def can_resume(self) -> bool:
        """Whether `qgtune resume` goes on with the study: it does not where that was kept in memory."""
        return self.is_recorded and bool(self.place)

    def command(self, verb: str, *arguments: str) -> str:
        """Return a line for the shell; empty where no command finds the study."""
        where = (str(self.folder),) if self.is_recorded and verb in ("rerun", "resume") else self.place
        return f"{own_command()} {shlex.join([verb, *where, *arguments])}" if where else ""


def facts_of(source: Source) -> Facts:
    """Return what is known beside an open study."""
    best_configs = (source.best_config(trial.number, params_of(trial)) for trial in best_trials(source.study))
    config = next(filter(None, best_configs), None)
    study = () if source.folder is not None else ("--study", source.study.study_name)
    facts = Facts(
        folder=source.folder,
        storage=source.storage,
        place=() if source.storage == "memory" else (str(source.folder or source.storage), *study),
        cwd="" if source.folder is None else str(source.cwd),
        is_recorded=source.folder is not None and _is_recorded(source.folder),
        base=_base(source),
        setup=tuple(setup_of(source)),
        best_config="" if config is None else redact(config.read_text(encoding="utf-8", errors="replace")),
        log_of=source.trial_log,
        config_of=lambda trial: _config(source, trial),
    )
    return replace(facts, commands=tuple(_commands(facts)))


def _commands(facts: Facts) -> Iterator[tuple[str, str]]:
    if facts.is_recorded and facts.best_config:
        yield "Run the best trial again", facts.command("rerun")
    if facts.can_resume:
        yield "Go on with the study; hydra.sweeper.n_trials is its total", facts.command("resume")
    if facts.place:
        yield "Look at the study in a browser", facts.command("dashboard")
        yield "Write this page again", facts.command("report")


def _is_recorded(folder: Path) -> bool:
    try:
        Invocation.read(folder)
    except QGTuneError:
        return False
    return True


def _config(source: Source, trial: FrozenTrial) -> Any:
    try:
        return Record.read(source.folder, trial).config
    except QGTuneError:
        return None


def _base(source: Source) -> Mapping[str, Any] | None:
    """Return what the app's own config has in place of each hyperparameter: a value, or a group's option."""
    if source.config is None:
        return None
    config: Any = OmegaConf.to_container(source.config, resolve=False)
    options = select(config, ("hydra", "runtime", "choices"))
    found: dict[str, Any] = dict(options) if isinstance(options, dict) else {}
    paths = {path for trial in source.study.get_trials(deepcopy=False) for path in trial.params}
    there = {path: select(config, parse_path(path.lstrip("+"))) for path in paths if path not in found}
    return found | {path: value for path, value in there.items() if value is not MISSING}
