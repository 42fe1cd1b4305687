"""The verbs together, and what becomes of their errors."""

from __future__ import annotations

import os
import pkgutil
import sys
from typing import TYPE_CHECKING

import click
from click.shell_completion import BashComplete, CompletionItem, FishComplete, ZshComplete

import qgtune

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_ERROR = 1
INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it


_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

VERBS = {
    "ablate": ("qgtune.command.proof.ablate:ablate", "Tell which change brought how much."),
    "add": ("qgtune.command.steering:add", "Queue a point for a sweep that runs."),
    "best": ("qgtune.command.best:best", "Show the best trial and its config."),
    "check": ("qgtune.command.checking.check:check", "Check a space and its files without the app."),
    "clean": ("qgtune.command.upkeep.clean:clean", "Remove checkpoints of finished trials."),
    "collect": ("qgtune.command.away.collect:collect", "Write the results of a sweep that was left."),
    "compare": ("qgtune.command.pages.compare:compare", "Compare sweeps in a table and a page."),
    "completion": ("qgtune.command.app:completion", "Print a shell's completion script."),
    "confirm": ("qgtune.command.proof.confirm:confirm", "Run the leading trials again on fresh seeds."),
    "convert": ("qgtune.command.checking.convert:convert", "Split a file with QuantumGrav's tags into three."),
    "dashboard": ("qgtune.command.pages.dashboard:dashboard", "Open optuna-dashboard on a study."),
    "finish": ("qgtune.command.steering:finish", "Let a sweep start no more trials, and end."),
    "go": ("qgtune.command.steering:go", "Let a paused sweep go on."),
    "list": ("qgtune.command.listing:list_sweeps", "List the sweeps below a folder, newest first."),
    "pause": ("qgtune.command.steering:pause", "Let a sweep start no trial for now."),
    "report": ("qgtune.command.pages.report:report", "Write a page of plots and tables."),
    "rerun": ("qgtune.command.rerun:rerun", "Run a trial's config again, as a run of its own."),
    "resume": ("qgtune.command.resume:resume", "Go on with a sweep: run its command again."),
    "schema": ("qgtune.command.schema:schema", "Print a JSON schema: of a file, of an answer."),
    "settle": ("qgtune.command.upkeep.settle:settle", "End a trial that runs nowhere any more."),
    "show": ("qgtune.command.show:show", "Show a study's trials as a table."),
    "stop": ("qgtune.command.steering:stop", "End a running trial."),
    "submit": ("qgtune.command.away.submit:submit", "Start a sweep, and leave it."),
    "wait": ("qgtune.command.steering:wait", "Wait until a sweep has ended, or is good enough."),
    "workers": ("qgtune.command.steering:workers", "Give a sweep that runs more or fewer workers."),
}
"""Where each verb is, and what it does in one line."""


class Verbs(click.Group):
    """Imports a verb when it is used: the help of all of them needs none."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names of the verbs."""
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        found: click.Command = pkgutil.resolve_name(VERBS[cmd_name][0])
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the verbs, a line each."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, VERBS[name][1]) for name in sorted(VERBS)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb."""
        verbs = [CompletionItem(name, help=text) for name, (_, text) in VERBS.items() if name.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(cls=Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(qgtune.__version__, prog_name="qgtune", message="%(prog)s %(version)s")
@click.pass_context
def app(context: click.Context) -> None:
    """Look at the studies of qgtune, check their files, and go on with a sweep.

    SOURCE is a sweep folder, a journal file or the address of a database; left out, it is the newest sweep below the
    working folder. Exit codes: 0 done, 1 refused, 2 wrong usage, 3 waited in vain, 130 interrupted.

    \b
    qgtune list
    qgtune show --sort value --limit 10
    qgtune best multirun/2026-11-24/10-35-20 --yaml
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete qgtune.

    \b
    in ~/.bashrc:    eval "$(qgtune completion bash)"
    in ~/.zshrc:     eval "$(qgtune completion zsh)"
    for fish, once:
    qgtune completion fish > ~/.config/fish/completions/qgtune.fish
    """  # noqa: D301 - as above
    click.echo(_SHELLS[shell](app, {}, "qgtune", "_QGTUNE_COMPLETE").source())


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
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # `qgtune show … | head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        from qgtune.errors import QGTuneError  # it needs Hydra, which the help does not

        if not isinstance(error, QGTuneError):
            raise
        click.echo("\n".join(error.problems), err=True)
        return USER_ERROR
    return returned if isinstance(returned, int) else 0
