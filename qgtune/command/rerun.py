"""`qgtune rerun`."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.command.common import STUDY, is_override, source_and_rest
from qgtune.errors import QGTuneError
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from qgtune.results.invocation import Invocation
    from qgtune.results.recorded import Record

COMPOSE_TIMEOUT_S = 300.0
_NO_REASON = re.compile(r"\s*(Set the environment variable HYDRA_FULL|See https://hydra\.cc/|(object|reference)_type=)")
_N_LINES = 5


@click.command()
@click.argument("words", nargs=-1, metavar="[FOLDER] [OVERRIDES]...", type=click.Path(path_type=str))
@STUDY
@click.option("--trial", type=click.IntRange(min=0), metavar="N", help="Which trial; else the best one.")
@click.option("--repeat", metavar="VALUE", help="Which of its repeats; else with the base settings' value.")
@click.option("--dry-run", is_flag=True, help="Compare and print the command, and do not run it; as --json does.")
@JSON
def rerun(
    words: tuple[str, ...],
    study_name: str | None,
    trial: int | None,
    repeat: str | None,
    dry_run: bool,  # noqa: FBT001 - click gives it by name
) -> None:
    """Run a trial of the sweep in FOLDER again: the same program, its overrides, and OVERRIDES behind them.

    It runs through the app's own config and schema, into a folder of its own. First the config that comes out is
    compared with the one that the trial had: what differs is named. Of a trial that ran several times, with one seed
    each, say, --repeat runs one of these; without it the seed is that of the base settings.

    \b
    qgtune rerun multirun/2026-11-24/10-35-20
    qgtune rerun multirun/2026-11-24/10-35-20 --trial 7 training.epochs=100
    qgtune rerun multirun/2026-11-24/10-35-20 --trial 7 --repeat 2
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Command
    from qgtune.results.invocation import Invocation
    from qgtune.results.recorded import Record
    from qgtune.results.source import open_source

    source, overrides = source_and_rest(words, is_override)
    folder = Path(source).absolute()
    if not folder.is_dir():
        raise QGTuneError(f"Cannot run a trial of {str(folder)!r}: there is no such folder. Give a sweep folder.")
    study = open_source(str(folder), study_name).study
    found = _repeat(study, _trial(study, trial), repeat)
    number, record = found.number, Record.read(folder, found)
    record = record if repeat is not None else record.of_configuration
    command = Invocation.read(folder, [*record.overrides, *overrides])
    if not wants_json():
        click.echo(command.shown())
    if record.differs:
        click.echo(f"The overrides of trial {number} do not make its config again: {record.differs}.", err=True)
    differing = composed_differences(command, record, overrides)
    for line in differing:
        click.echo(f"It differs from trial {number}: {line}", err=True)
    if wants_json():
        answer(Command(command.without_passwords(), command.folder, number, tuple(differing)), "")
    elif not dry_run:
        command.become()


def _repeat(study: optuna.Study, trial: FrozenTrial, asked: str | None) -> FrozenTrial:
    """Return the latest attempt at the repeat that was asked for, by its value or name, of a trial's configuration."""
    from qgtune.results.configurations import number_of, runs_of
    from qgtune.study.attempts.attempt import Attempt

    (runs,) = (runs for runs in runs_of(study.get_trials(deepcopy=False)) if runs.number == number_of(trial))
    named = [(Attempt.of(one).replicate, one) for one in runs.attempts]
    if asked is None:
        if runs.names != [""]:
            said = f"Trial {runs.number} ran with {', '.join(runs.names)}: --repeat runs one of these."
            click.echo(f"{said} This run has the value of the base settings.", err=True)
        return trial
    found = [one for name, one in named if name and asked in (name, name.partition("=")[2])]
    if not found:
        names = f"it ran with {', '.join(runs.names)}" if runs.names != [""] else "it ran once"
        raise QGTuneError(f"Cannot run repeat {asked} of trial {runs.number}: {names}.")
    return found[-1]


def _trial(study: optuna.Study, number: int | None) -> FrozenTrial:
    """Return the trial that was asked for, or else the one best one."""
    from qgtune.results.best import best_trials

    trials = study.get_trials(deepcopy=False) if number is not None else best_trials(study)
    found = trials if number is None else [trial for trial in trials if trial.number == number]
    if len(found) == 1:
        return found[0]
    if number is not None:
        raise QGTuneError(f"Cannot run trial {number} again: the study has {len(trials)} trials, from 0 on.")
    if not found:
        raise QGTuneError("Cannot name the best trial: none has completed within its constraints. Give --trial.")
    numbers = ", ".join(str(trial.number) for trial in found)
    raise QGTuneError(f"Cannot name one best trial: {numbers} are best, each in its own way. Give --trial.")


def composed_differences(command: Invocation, record: Record, overrides: Sequence[str] = ()) -> list[str]:
    """Name what the command composes otherwise than the trial had it, but for what the user changes."""
    from qgtune.results.invocation import key_of
    from qgtune.results.recorded import differences
    from qgtune.space.paths import is_below

    found = differences(record.config, _composed(command))
    mine = {_dotted(key_of(override).split("@")[0]) for override in overrides}

    def is_mine(line: str) -> bool:
        return any(is_below(line.split(": ", 1)[0], key) for key in mine)

    return [line for line in found if "${" not in line and not is_mine(line)]


def _dotted(key: str) -> str:
    """Return the path in the config that an override's key names."""
    return key.replace("/", ".").replace("[", ".").replace("]", "")


def _composed(command: Invocation) -> Any:
    """Return the config that a command's function would get, as it would be recorded."""
    from qgtune.space.reading.yaml_files import load_yaml_file
    from qgtune.sweep.hydra.composed import OVERRIDE, VARIABLE

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "config.yaml")
        try:
            done = subprocess.run(  # noqa: S603 - the recorded command
                [*command.program, *command.arguments, OVERRIDE],
                cwd=command.folder,
                env={**os.environ, VARIABLE: str(file)},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=COMPOSE_TIMEOUT_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise QGTuneError(f"Cannot compose the config again: {redact(str(error))}.") from None
        if done.returncode != 0 or not file.is_file():
            raise QGTuneError(f"Cannot compose the config again: {reason_of(done.stderr)}")
        return load_yaml_file(file, "composed config")


def reason_of(stderr: str) -> str:
    """Return what a program of Hydra's said as it failed, in one line: its last exception, or its last lines."""
    lines = [line for line in stderr.splitlines() if line.strip(" ^") and not _NO_REASON.match(line)]
    tracebacks = [index for index, line in enumerate(lines) if line.startswith("Traceback (")]
    if tracebacks:
        lines = lines[tracebacks[-1] + 1 :]
        lines = list(itertools.dropwhile(lambda line: line.startswith(" "), lines))
    elif lines and ": error: " in lines[-1]:  # argparse's; its usage stands above
        lines = lines[-1:]
    said = " ".join(line.strip() for line in lines[-_N_LINES:])
    return str(redact(said)) or "it does not say why."
