"""`qgtune settle`."""

from __future__ import annotations

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.command.common import NAMED_SOURCE, STUDY


@click.command()
@NAMED_SOURCE
@click.argument("trials", nargs=-1, required=True, type=click.IntRange(min=0), metavar="N...")
@STUDY
@JSON
def settle(source: str, trials: tuple[int, ...], study_name: str | None) -> None:
    """End the running trials N of a study as lost: their processes are gone, and nobody else can tell.

    A sweep names such trials, which other code than qgtune's took, or a process of another host or container. One whose
    process is known to live is left alone.

    \b
    qgtune settle multirun/2026-11-24/10-35-20 7
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Settled
    from qgtune.results.source import open_source
    from qgtune.study.attempts.limits import Limits
    from qgtune.study.session import Session

    session = Session(open_source(source, study_name).study, Limits(1))
    for number in trials:
        session.settle(number)
    said = "\n".join(f"Trial {number} is lost." for number in trials)
    answer(Settled(session.study.study_name, trials), said)
