"""What several verbs share: how a study is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def newest_sweep() -> str:
    """Return the newest sweep below the working folder, and say on stderr which it is: stdout is the answer's."""
    from qgtune.files import short_path
    from qgtune.results import sweeps

    folder = short_path(sweeps.newest_sweep())
    click.echo(f"The newest sweep: {folder}", err=True)
    return folder


def _or_newest(_context: click.Context, _parameter: click.Parameter, source: str | None) -> str:
    return newest_sweep() if source is None else source


def source_and_rest(words: Sequence[str], is_rest: Callable[[str], bool]) -> tuple[str, tuple[str, ...]]:
    """Take the source from the words of a verb that has others behind it; without one, it is the newest sweep.

    Args:
        words: what the user gave.
        is_rest: says whether a word is one of the others.
    """
    if words and (Path(words[0]).exists() or not is_rest(words[0])):
        return words[0], tuple(words[1:])
    return newest_sweep(), tuple(words)


def is_override(word: str) -> bool:
    """Say whether a word is an override of Hydra's."""
    return "=" in word or word.startswith("~")


# A path, so that shells complete it; it need not be one.
SOURCE: Decorator = click.argument("source", type=click.Path(path_type=str), required=False, callback=_or_newest)
NAMED_SOURCE: Decorator = click.argument("source", type=click.Path(path_type=str))
"""For what cannot be undone: the sweep has to be named."""
STUDY: Decorator = click.option("--study", "study_name", metavar="NAME", help="Which study, where there are several.")
