"""`qgtune best`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from qgtune.command.common import SOURCE, STUDY, console
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.results.source import Source
    from qgtune.results.table import Row


@click.command()
@SOURCE
@STUDY
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the best config as YAML; else its hyperparameters.")
def best(source: str, study_name: str | None, as_yaml: bool) -> None:  # noqa: FBT001 - click gives it by name
    """Show the best trial: its value, hyperparameters, folder and config.

    With --yaml, its whole config if the sweep folder has it, and its hyperparameters if not. A study of several
    objectives has several best trials, none of which is worse than another in all of them.
    """
    from qgtune.results.best import best_trials
    from qgtune.results.source import open_source
    from qgtune.results.table import table_of

    found = open_source(source, study_name)
    table = table_of(found.study, best_trials(found.study))
    if not table.rows:
        raise QGTuneError(f"Cannot name the best trial of study {table.study_name!r}: none has completed.")
    if as_yaml:
        _print_yaml(found, table.rows)
    elif len(table.directions) > 1:
        from qgtune.command.layout import lay_out

        screen = console()
        n_rows = len(table.rows)
        screen.print(f"Study {table.study_name!r}, {', '.join(table.directions)}: {n_rows} best trials")
        screen.print(lay_out(table, (), screen))
    else:
        _print_one(found, table.rows[0])


def _print_one(found: Source, row: Row) -> None:
    from qgtune.results.files import short_path
    from qgtune.space.yaml_files import dump_yaml

    click.echo(f"Best of study {found.study.study_name!r}: trial {row.number} with {row.values[0]:.6g}")
    for line in dump_yaml(row.params).splitlines() if row.params else ():
        click.echo(f"  {line}")
    places = {"Folder": found.trial_folder(row.number), "Config": _config_file(found, row)}
    for name, path in places.items():
        if path is not None:
            click.echo(f"{name}: {short_path(path)}")


def _print_yaml(found: Source, rows: tuple[Row, ...]) -> None:
    from qgtune.space.yaml_files import dump_yaml

    if len(rows) > 1:
        raise QGTuneError(
            f"Cannot print the best config of study {found.study.study_name!r}: {len(rows)} trials are best, each in "
            f"its own way. Choose one with qgtune best, and take its config from its folder."
        )
    file = _config_file(found, rows[0])
    click.echo(dump_yaml(rows[0].params) if file is None else file.read_text(encoding="utf-8"), nl=False)


def _config_file(found: Source, row: Row) -> Path | None:
    """Return the file with the best config, if it is that of this trial: a sweep writes it when it ends."""
    from qgtune.space.paths import parse_path, select
    from qgtune.space.yaml_files import load_yaml_file

    file = found.result_file("best_config_path") or found.result_file("best_param_path")
    if file is None:
        return None
    try:
        config: Any = load_yaml_file(file, "best config")
    except QGTuneError:
        return None
    there = {path: select(config, parse_path(path)) for path in row.params}
    # The option of a swept config group is a text, and a mapping is what it leads to.
    holds = all(there[path] == value or isinstance(there[path], dict) for path, value in row.params.items())
    return file if holds else None
