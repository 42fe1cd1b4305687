"""`qgtune resume`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.command.common import is_override, source_and_rest
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from qgtune.results.invocation import Invocation


@click.command()
@click.argument("words", nargs=-1, metavar="[FOLDER] [OVERRIDES]...", type=click.Path(path_type=str))
@click.option("--dry-run", is_flag=True, help="Print the command, and do not run it; as --json does.")
@JSON
def resume(words: tuple[str, ...], dry_run: bool) -> None:  # noqa: FBT001 - click gives it by name
    """Go on with the sweep of FOLDER: run its command again, with OVERRIDES.

    \b
    qgtune resume
    qgtune resume multirun/2026-11-24/10-35-20
    qgtune resume multirun/2026-11-24/10-35-20 hydra.sweeper.n_trials=40
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Command

    folder, overrides = source_and_rest(words, is_override)
    command = recorded_command(Path(folder).absolute(), overrides)
    answer(Command(command.without_passwords(), command.folder), command.shown())
    if not dry_run and not wants_json():
        command.become()


def recorded_command(folder: Path, overrides: tuple[str, ...] = ()) -> Invocation:
    """Return the command of the sweep in an absolute folder, with more overrides.

    Raises:
        QGTuneError: when there is none, or nothing to go on from.
    """
    from qgtune.results.invocation import Invocation
    from qgtune.results.source import read_sweep_config, storage_of
    from qgtune.sweep.compose.arguments import override_text

    if not folder.is_dir():
        raise QGTuneError(f"Cannot resume {str(folder)!r}: there is no such folder. Give a sweep folder.")
    if wrong := [text for text in overrides if not is_override(text)]:
        raise click.UsageError(f"{wrong[0]!r} is no override: write key=value.", click.get_current_context())
    if (config := read_sweep_config(folder)) is not None:
        storage_of(config, folder)  # refuses a sweep that left nothing to go on from
    recorded = Invocation.read(folder)
    return recorded.with_overrides([*overrides, override_text("hydra.sweep.dir", str(folder))])
