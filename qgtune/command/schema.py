"""`qgtune schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.json_schema import answer_schema
from qgtune.command.answers.shapes import ANSWERS
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from qgtune.space.reading.schema import Schema

FILES = ("space", "dependencies", "tuning")


@click.command()
@click.argument("kind", type=click.Choice([*FILES, *sorted(ANSWERS)]))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it there, in a folder that may be new.")
def schema(kind: str, output: Path | None) -> None:
    """Print the JSON schema of a kind of file, for editors that help with YAML, or of a command's answer with --json.

    \b
    qgtune schema show
    qgtune schema space -o .qgtune/space.json
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    text = json.dumps(_schema(kind), indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise QGTuneError(f"Cannot write {str(output)!r}: {error.strerror}. Give another --output.") from None
    if kind in ANSWERS:
        click.echo("Written.")
        return
    click.echo("Written. First line of the files that are to use it, with the path from their folder:")
    click.echo(f"# yaml-language-server: $schema={output}")


def _schema(kind: str) -> Schema:
    if kind in ANSWERS:
        return answer_schema(kind, ANSWERS[kind])
    if kind == "tuning":
        from qgtune.tune.settings import tuning_schema

        return tuning_schema()
    from qgtune.space.reading.schema import dependencies_schema, space_schema

    return space_schema() if kind == "space" else dependencies_schema()
