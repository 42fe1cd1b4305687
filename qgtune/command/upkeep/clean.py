"""`qgtune clean`."""

from __future__ import annotations

import shutil

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.command.common import NAMED_SOURCE, STUDY


@click.command()
@NAMED_SOURCE
@click.option(
    "--best", default=1, show_default=True, type=click.IntRange(min=0), help="Keep those of so many best ones."
)
@click.option("-n", "--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@STUDY
@JSON
def clean(source: str, best: int, dry_run: bool, study_name: str | None) -> None:  # noqa: FBT001 - click's
    """Remove the checkpoints of a sweep's finished trials, but for the best.

    Those of trials that run, or were given back or lost, stay: the sweep goes on with them. Nothing is touched but
    folders that qgtune.checkpoint_dir() has made.

    \b
    qgtune clean multirun/2026-11-24/10-35-20 --dry-run
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Cleaned, RemovedFolder
    from qgtune.errors import QGTuneError
    from qgtune.results.checkpoints import removable, size_of
    from qgtune.results.kept import Kept
    from qgtune.results.source import open_source
    from qgtune.study.attempts.limits import Limits

    found = open_source(source, study_name)
    folder = found.checkpoints
    if folder is None:
        raise QGTuneError(f"Cannot clean {source!r}: it is no sweep folder, which says where its checkpoints are.")
    removed = []
    for path in sorted(
        removable(folder, found.study, Kept(best), Limits(1, max_retries=10**9)), key=lambda p: int(p.name)
    ):
        removed.append(RemovedFolder(str(path), size_of(path)))
        if not dry_run:
            shutil.rmtree(path, ignore_errors=True)
    done = "Would remove" if dry_run else "Removed"
    total = sum(one.size_bytes for one in removed)
    lines = [f"{done} {one.folder} ({_text(one.size_bytes)})" for one in removed]
    lines.append(f"{_text(total)} {'would be' if dry_run else 'are'} free.")
    answer(Cleaned(tuple(removed), total, dry_run), "\n".join(lines))


def _text(size: int) -> str:
    for unit, n_bytes in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= n_bytes:
            return f"{size / n_bytes:.1f} {unit}"
    return f"{size} B"
