"""What a report tells beside the study itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError
from qgtune.results.best import best_trials, params_of
from qgtune.results.invocation import Invocation, own_command
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qgtune.results.source import Source


@dataclass(frozen=True, slots=True)
class ShownCommand:
    """A line for the user's shell.

    Attributes:
        purpose: what it does, a few words.
        text: the line itself.
    """

    purpose: str
    text: str


def _no_log(_number: int) -> Path | None:
    return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report tells beside the study itself; the empty one tells nothing.

    Attributes:
        folder: the sweep folder; None if it is not known.
        storage: where the study is kept, as text for people: without a password.
        cwd: the folder that the commands are for; empty if it does not matter.
        commands: how to go on.
        best_config: the YAML text of the best trial's whole config; empty if there is none.
        log_of: gives a trial's log file by the trial's number; None where there is none.
    """

    folder: Path | None = None
    storage: str = ""
    cwd: str = ""
    commands: tuple[ShownCommand, ...] = ()
    best_config: str = ""
    log_of: Callable[[int], Path | None] = _no_log


def facts_of(source: Source) -> Facts:
    """Return what is known beside an open study."""
    config = next(_best_configs(source), None)
    return Facts(
        folder=source.folder,
        storage=source.storage,
        cwd="" if source.folder is None else str(source.cwd),
        commands=tuple(_commands(source, config)),
        best_config="" if config is None else redact(config.read_text(encoding="utf-8", errors="replace")),
        log_of=source.trial_log,
    )


def _best_configs(source: Source) -> Iterator[Path]:
    for trial in best_trials(source.study):
        if (file := source.best_config(trial.number, params_of(trial))) is not None:
            yield file


def _commands(source: Source, config: Path | None) -> Iterator[ShownCommand]:
    recorded = None if source.folder is None else _recorded(source.folder)
    ours = own_command()
    if recorded is not None and config is not None:
        yield ShownCommand("Run the best trial again", f"{ours} rerun {shlex.quote(str(source.folder))}")
    if source.storage == "memory":
        return
    if recorded is not None:
        purpose = "Go on with the study; hydra.sweeper.n_trials is its total"
        yield ShownCommand(purpose, f"{ours} resume {shlex.quote(str(source.folder))}")
    place = shlex.quote(str(source.folder or source.storage))
    study = "" if source.folder is not None else f" --study {shlex.quote(source.study.study_name)}"
    yield ShownCommand("Look at the study in a browser", f"{ours} dashboard {place}{study}")
    yield ShownCommand("Write this page again", f"{ours} report {place}{study}")


def _recorded(folder: Path) -> Invocation | None:
    try:
        return Invocation.read(folder)
    except QGTuneError:
        return None
