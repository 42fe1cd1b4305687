"""`qgtune check`."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.errors import Located, QGTuneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qgtune.command.answers.shapes import CheckedFiles, Found
    from qgtune.command.checking.documents import Document, Kind
    from qgtune.command.checking.findings import Checked

_FILE = click.Path(path_type=str, dir_okay=False)
_PATHS: dict[str, Kind] = {
    "base_settings_path": "base",
    "search_space_path": "space",
    "dependency_mapping_path": "dependencies",
}


@click.command()
@click.argument("files", nargs=-1, type=_FILE)
@click.option("-s", "--space", type=_FILE, help="The search space.")
@click.option("-d", "--dependencies", type=_FILE, help="The dependency mapping.")
@click.option("-b", "--base", multiple=True, metavar="[PATH=]FILE", help="Base settings, which may be several files.")
@click.option("-t", "--tuning", type=_FILE, help="A tuning config, which names the others.")
@JSON
@click.pass_context
def check(
    context: click.Context,
    files: tuple[str, ...],
    space: str | None,
    dependencies: str | None,
    base: tuple[str, ...],
    tuning: str | None,
) -> int:
    """Check a search space, dependencies and base settings, without the app.

    FILES need no option if they say what they are, by a line such as `# @package hydra.sweeper.search_space`, or by
    their keys. Base settings of a config group go where it goes: --base model=conf/model/mlp.yaml.

    \b
    qgtune check conf/search_space/mlp.yaml --base model=conf/model/mlp.yaml
    qgtune check --tuning tune.yaml --json | jq -r '.findings[].text'
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    if not (files or space or dependencies or base or tuning):
        raise click.UsageError("Nothing to check: give a file.", context)
    reader = _Reader()
    reader.read(None, *files)
    if space:
        reader.read("space", space)
    if dependencies:
        reader.read("dependencies", dependencies)
    reader.read("base", *base)
    if tuning:
        reader.read("tuning", tuning)
    reader.follow_tuning()
    return _report(reader)


class _Reader:
    """Reads the files, and keeps what is wrong with each."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.problems: list[str] = []
        self.flags: dict[str, bool] = {}

    def read(self, kind: Kind | None, *files: str) -> None:
        """Read files of a kind, or of one that each has to say itself."""
        from qgtune.command.checking.documents import read_documents

        for text in files:
            package, file = text.split("=", 1) if kind == "base" and "=" in text else (None, text)
            try:
                self.documents += read_documents(file, kind, package)
            except QGTuneError as error:
                self.problems += error.problems

    def follow_tuning(self) -> None:
        """Check the tuning configs, and read the files that they name."""
        from qgtune.tune.settings import check_settings

        for document in [document for document in self.documents if document.kind == "tuning"]:
            if not isinstance(document.data, dict):
                self._fail(document, "", f"Cannot read the tuning config {document.file!r}: it is no mapping.")
                continue
            try:
                settings = check_settings(document.data, document.file)
            except QGTuneError as error:
                self.problems += error.problems
                continue
            self.flags = {name: settings[name] for name in ("tune_model", "tune_training")}
            self._read_named(document, settings)

    def _read_named(self, document: Document, settings: dict[str, Any]) -> None:
        for key, kind in _PATHS.items():
            if settings[key] is None:
                continue
            file = Path(document.file).parent / settings[key]
            if file.is_file():
                self.read(kind, str(file))
            else:
                self._fail(document, key, f"Cannot use {key} of {document.file!r}: there is no file {str(file)!r}.")

    def _fail(self, document: Document, path: str, text: str) -> None:
        self.problems.append(Located(text, path, document.source))


def _report(reader: _Reader) -> int:
    """Print what was found; return the exit code."""
    from qgtune.command.checking.findings import Checked, check_documents, findings_of

    checked = Checked(findings_of(reader.problems, "error", reader.documents))
    if not checked.findings:
        _refuse_twins(reader.documents)
        checked = check_documents(reader.documents, **reader.flags)
    answer(_content(checked), lambda: _print(checked, reader.documents))
    return 1 if checked.n_errors else 0


def _content(checked: Checked) -> CheckedFiles:
    from qgtune.command.answers.shapes import CheckedFiles

    space = checked.space
    sizes = (None, None) if space is None else (len(space.hyperparameters), len(space.dependencies))
    return CheckedFiles(checked.findings, checked.n_errors, *sizes)


def _print(checked: Checked, documents: Sequence[Document]) -> None:
    for finding in checked.findings:
        _say(finding)
    click.echo(_summary(checked, documents))


def _refuse_twins(documents: Sequence[Document]) -> None:
    from qgtune.command.checking.documents import WORDS

    kinds: tuple[Kind, ...] = ("space", "dependencies")
    for kind in kinds:
        twins = [document.source for document in documents if document.kind == kind]
        if len(twins) > 1:
            raise QGTuneError(f"Cannot check more than one {WORDS[kind]}: {' and '.join(twins)}. Give one of them.")


def _say(finding: Found) -> None:
    """Print it as compilers do, so that editors and terminals find the place."""
    place = f"{finding.file}:{finding.line}:{finding.column}: " if finding.file else ""
    line = f"{place}{finding.kind}: {finding.text}"
    if sys.stdout.isatty():  # else one line each, for programs
        columns = shutil.get_terminal_size().columns
        line = textwrap.fill(line, columns, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    place, text = line.split(f"{finding.kind}:", 1)
    kind = click.style(f"{finding.kind}:", fg="red" if finding.kind == "error" else "yellow", bold=True)
    click.echo(f"{click.style(place, bold=True)}{kind}{text}")


def _summary(checked: Checked, documents: Sequence[Document]) -> str:
    n_warnings = len(checked.findings) - checked.n_errors
    counts = [_counted(n, word) for n, word in ((checked.n_errors, "error"), (n_warnings, "warning")) if n]
    if checked.space is None:
        return ", ".join(counts)
    sizes = f"{_counted(len(checked.space.hyperparameters), 'hyperparameter')}, "
    n_dependencies = len(checked.space.dependencies)
    sizes += "1 dependency" if n_dependencies == 1 else f"{n_dependencies} dependencies"
    alone = "" if any(document.kind == "base" for document in documents) else "; no base settings to compare them with"
    return f"{', '.join(counts) or 'No problems'}: {sizes}{alone}."


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
