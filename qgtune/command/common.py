"""What several verbs share: how a study is named, and where tables go."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

# A path, so that shells complete it; it need not be one.
SOURCE: Decorator = click.argument("source", type=click.Path(path_type=str))
STUDY: Decorator = click.option("--study", "study_name", metavar="NAME", help="Which study, where there are several.")

_UNLIMITED = 10_000


def console() -> Console:
    """Return where tables are printed: as wide as the terminal; in pipes and files, without colour and never cut."""
    from rich.console import Console

    if sys.stdout.isatty():
        return Console(highlight=False, soft_wrap=False)
    return Console(highlight=False, width=_UNLIMITED, color_system=None)
