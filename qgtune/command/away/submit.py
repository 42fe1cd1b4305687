"""`qgtune submit`."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.errors import QGTuneError
from qgtune.files import short_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgtune.sweep.away import Left

POLL_S = 0.1
_UNTOUCHED = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.command(context_settings=_UNTOUCHED)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@JSON
def submit(command: tuple[str, ...]) -> int:
    """Start the sweep of COMMAND and return as soon as its workers are on their way.

    Under submitit they are jobs of the cluster: nobody waits for them, and qgtune collect writes the results. Else the
    sweep runs in the background of this machine, and writes them itself.

    \b
    qgtune submit python train.py --multirun hydra/launcher=submitit_slurm
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    with tempfile.TemporaryDirectory(prefix="qgtune") as folder:
        return _submit(command, Path(folder, "left.json"), Path(folder, "lines"))


def _submit(command: Sequence[str], note: Path, lines: Path) -> int:
    from qgtune.command.answers.shapes import Submitted
    from qgtune.sweep.away import SUBMIT, Left

    with lines.open("w") as output:
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own command, without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, SUBMIT: str(note)},
                start_new_session=True,  # so that no terminal that closes ends it
            )
        except OSError as error:
            raise QGTuneError(f"Cannot run {command[0]!r}: {error.strerror}. Give a command.") from None
    try:
        while (left := Left.read(note)) is None and process.poll() is None:
            time.sleep(POLL_S)
    except KeyboardInterrupt:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    left = left or Left.read(note)
    click.echo(lines.read_text(), nl=False, err=wants_json() or (left is None and process.returncode != 0))
    if left is not None:
        process.returncode = 0  # it goes on, and nobody waits for it: `Popen` would warn of that
        found = Submitted(left.folder, left.launcher, left.n_workers, left.pid, left.caution)
        answer(found, "\n".join(_said(left)))
        return 0
    if process.returncode == 0:
        click.echo("Nothing was left to run: the command has ended.", err=True)
    return process.returncode


def _said(left: Left) -> list[str]:
    from qgtune.results.invocation import own_command
    from qgtune.sweep.away import LINES

    ours = own_command(short_path)
    folder = shlex.quote(short_path(Path(left.folder)))
    said = [left.caution] if left.caution else []
    if left.launcher:
        said.append(f"Submitted {left.n_workers} workers to {left.launcher}: nobody waits for them.")
        said.append(f"Wait for the end:   {ours} wait {folder}")
        said.append(f"Write the results:  {ours} collect {folder}")
    else:
        said.append(f"Runs in the background, as process {left.pid}, and writes its results at its end.")
        said.append(f"Read its lines:     tail -f {shlex.quote(short_path(Path(left.folder, LINES)))}")
        said.append(f"Wait for the end:   {ours} wait {folder}")
    return [*said, f"Start no more:      {ours} finish {folder}"]
