"""`qgtune resume`."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from qgtune.results.invocation import Command


@click.command(short_help="Go on with a sweep: run its command again.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Print the command, and do not run it.")
def resume(folder: Path, overrides: tuple[str, ...], dry_run: bool) -> None:  # noqa: FBT001 - click gives it by name
    """Go on with the sweep of FOLDER: run its command again, with OVERRIDES.

    \b
    qgtune resume multirun/2026-11-24/10-35-20
    qgtune resume multirun/2026-11-24/10-35-20 hydra.sweeper.n_trials=40
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    command = _command(folder.absolute(), overrides)
    click.echo(_shown(command))
    if not dry_run:
        _become(command)


def _command(folder: Path, overrides: tuple[str, ...]) -> Command:
    from qgtune.results.invocation import Command
    from qgtune.sweep.compose.arguments import override_text

    if not folder.is_dir():
        raise QGTuneError(f"Cannot resume {str(folder)!r}: there is no such folder. Give a sweep folder.")
    if wrong := [text for text in overrides if "=" not in text and not text.startswith("~")]:
        raise click.UsageError(f"{wrong[0]!r} is no override: write key=value.", click.get_current_context())
    _check_storage(folder)
    recorded = Command.read(folder)
    return recorded.with_overrides([*overrides, override_text("hydra.sweep.dir", str(folder))])


def _check_storage(folder: Path) -> None:
    """Refuse to run a sweep again that left nothing to go on from."""
    from qgtune.results.source import read_sweep_config, storage_of

    config = read_sweep_config(folder)
    if config is not None:
        storage_of(config, folder)


def _shown(command: Command) -> str:
    from qgtune.study.storages.addresses import redact

    line = shlex.join([*command.program, *command.arguments])
    there = "" if Path(command.folder) == Path.cwd() else f"cd {shlex.quote(command.folder)} && "
    return str(redact(there + line))


def _become(command: Command) -> NoReturn:
    """Run a command in place of this process, so that its exit code and signals are its own."""
    try:
        os.chdir(command.folder)
    except OSError as error:
        raise QGTuneError(
            f"Cannot run it in {command.folder!r}: {error.strerror}. Run it from where your app is now."
        ) from None
    program = list(command.program)
    if shutil.which(program[0]) is None:
        click.echo(f"There is no {program[0]} any more: {sys.executable} is used.", err=True)
        program[0] = sys.executable
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(program[0], [*program, *command.arguments])  # noqa: S606 - the user's own command, without a shell
