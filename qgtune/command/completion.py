"""`qgtune completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that makes a shell complete qgtune.

    \b
    bash, in ~/.bashrc:    eval "$(qgtune completion bash)"
    zsh, in ~/.zshrc:      eval "$(qgtune completion zsh)"
    fish:                  qgtune completion fish > ~/.config/fish/completions/qgtune.fish
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"Cannot complete for {shell}: click does not know it. Give another shell.")
    from qgtune.command.app import app

    click.echo(found(app, {}, "qgtune", "_QGTUNE_COMPLETE").source())
