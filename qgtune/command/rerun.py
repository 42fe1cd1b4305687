"""`qgtune rerun`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.common import STUDY
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.invocation import Invocation
    from qgtune.results.recorded import Record

COMPOSE_TIMEOUT_S = 300.0


@click.command(short_help="Run a trial's config again, as a run of its own.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1)
@STUDY
@click.option("--trial", type=click.IntRange(min=0), metavar="N", help="Which trial; else the best one.")
@click.option("--dry-run", is_flag=True, help="Compare and print the command, and do not run it.")
def rerun(
    folder: Path,
    overrides: tuple[str, ...],
    study_name: str | None,
    trial: int | None,
    dry_run: bool,  # noqa: FBT001 - click gives it by name
) -> None:
    """Run a trial of the sweep in FOLDER again: the same program, its overrides, and OVERRIDES behind them.

    It runs through the app's own config and schema, into a folder of its own. First the config that comes out is
    compared with the one that the trial had: what differs is named.

    \b
    qgtune rerun multirun/2026-11-24/10-35-20
    qgtune rerun multirun/2026-11-24/10-35-20 --trial 7 training.epochs=100
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.results.invocation import Invocation
    from qgtune.results.recorded import Record

    folder = folder.absolute()
    found = _trial(folder, study_name, trial)
    number, record = found.number, Record.read(folder, found)
    command = Invocation.read(folder).as_plain_run([*record.overrides, *overrides])
    click.echo(command.shown())
    if record.differs:
        click.echo(f"The overrides of trial {number} do not make its config again: {record.differs}.", err=True)
    for line in composed_differences(command, record, overrides):
        click.echo(f"It differs from trial {number}: {line}", err=True)
    if not dry_run:
        command.become()


def _trial(folder: Path, study_name: str | None, number: int | None) -> FrozenTrial:
    """Return the trial that was asked for, or else the one best one."""
    from qgtune.results.best import best_trials
    from qgtune.results.source import open_source

    if not folder.is_dir():
        raise QGTuneError(f"Cannot run a trial of {str(folder)!r}: there is no such folder. Give a sweep folder.")
    study = open_source(str(folder), study_name).study
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
    from qgtune.space.reading.yaml_files import load_yaml

    done: Any = None
    for how in (["--cfg", "job", "--resolve"], ["--cfg", "job"]):  # some values resolve in a run only
        line = [*command.program, *command.arguments, *how]
        try:
            done = subprocess.run(  # noqa: S603 - the recorded command
                line, cwd=command.folder, capture_output=True, text=True, check=False, timeout=COMPOSE_TIMEOUT_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise QGTuneError(f"Cannot compose the config again: {error}.") from None
        if done.returncode == 0:
            break
    if done.returncode != 0:
        said = [text for text in done.stderr.splitlines() if text.strip() and "HYDRA_FULL_ERROR" not in text]
        said = said or ["no word on why"]
        why = said[0] if "Error" in said[0] else said[-1]
        raise QGTuneError(f"Cannot compose the config again: {why}")
    found = differences(record.config, load_yaml(done.stdout, "the composed config"))
    mine = tuple(key_of(override) for override in overrides)
    return [line for line in found if "${" not in line and not line.startswith(mine or ("\0",))]
