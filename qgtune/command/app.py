"""The verbs together, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

import qgtune
from qgtune.command.away.collect import collect
from qgtune.command.away.submit import submit
from qgtune.command.best import best
from qgtune.command.checking.check import check
from qgtune.command.checking.convert import convert
from qgtune.command.listing import list_sweeps
from qgtune.command.pages.dashboard import dashboard
from qgtune.command.pages.report import report
from qgtune.command.rerun import rerun
from qgtune.command.resume import resume
from qgtune.command.schema import schema
from qgtune.command.show import show
from qgtune.command.steering import add, finish, go, pause, stop, wait, workers
from qgtune.command.upkeep.clean import clean
from qgtune.command.upkeep.settle import settle
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_ERROR = 1
INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it


_SHELLS = ("bash", "zsh", "fish")


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(qgtune.__version__, prog_name="qgtune", message="%(prog)s %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Look at the studies of qgtune, check their files, and go on with a sweep.

    SOURCE is a sweep folder, a journal file or the address of a database.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete qgtune.

    \b
    in ~/.bashrc:    eval "$(qgtune completion bash)"
    in ~/.zshrc:     eval "$(qgtune completion zsh)"
    for fish, once:
    qgtune completion fish > ~/.config/fish/completions/qgtune.fish
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"Cannot complete for {shell}: click does not know it. Give another shell.")
    click.echo(found(app, {}, "qgtune", "_QGTUNE_COMPLETE").source())


for _verb in (
    list_sweeps,
    show,
    best,
    rerun,
    report,
    dashboard,
    resume,
    submit,
    collect,
    add,
    stop,
    finish,
    pause,
    go,
    workers,
    wait,
    settle,
    clean,
    check,
    convert,
    schema,
    completion,
):
    app.add_command(_verb)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    A mistake is one line on stderr each, and nothing else.
    """
    try:
        returned = app.main(arguments, prog_name="qgtune", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        path = "qgtune" if error.ctx is None else error.ctx.command_path
        click.echo(f"{error.format_message()} See {path} --help.", err=True)
        return error.exit_code
    except click.ClickException as error:
        click.echo(error.format_message(), err=True)
        return USER_ERROR
    except QGTuneError as error:
        click.echo("\n".join(error.problems), err=True)
        return USER_ERROR
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `qgtune show … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return returned if isinstance(returned, int) else 0
