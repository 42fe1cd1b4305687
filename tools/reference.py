"""Writes the pages of the reference that say what the code says: `make reference`.

    python tools/reference.py [--check]

Each page is made of what the code itself reads: keys of a setting's table, the command's own help, signatures and
docstrings of public names. `--check` changes nothing and ends with 1 if a page is not up to date; a test does the same.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import qgtune
from qgtune import ddp, tune
from qgtune.command.app import app
from qgtune.processes.slots import LAUNCHER
from qgtune.results.report import report
from qgtune.sweep.settings import KEYS as SWEEPER
from qgtune.tune.settings import KEYS as TUNING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from qgtune.keys import Key

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make reference` of the code: change it there. -->\n\n"


def table(keys: Mapping[str, Key]) -> str:
    """Return the settings of a table as one."""
    rows = (f"| `{name}` | {key.default_text} | {_linked(key.meaning)} |" for name, key in keys.items())
    return "\n".join(("| key | default | meaning |", "|---|---|---|", *rows, ""))


def _linked(meaning: str) -> str:
    """Return a meaning whose links lead from this folder."""
    return re.sub(r"\[docs/(\w+)\.md\]\(docs/(\w+)\.md\)", r"[\1](../\2.md)", meaning)


def settings() -> str:
    """Return the page of all settings."""
    return f"""# Settings

## `hydra.sweeper`

Chosen by `hydra/sweeper=qgtune`; on the command line `hydra.sweeper.n_trials=50`, in a config below `hydra: sweeper:`.

{table(SWEEPER)}
## `hydra.launcher`

`hydra/launcher=qgtune` runs the jobs of any sweeper in processes of this machine.

{table(LAUNCHER)}
A worker sees one GPU, as its device 0, before it imports your script, and so does the worker that replaces it. The
basic launcher has no such keys; with `n_jobs` above 1 it divides the cores in the same way.

## A tuning config

What `qgtune.tune.get_tuning_settings` reads, for tuning [without Hydra](../how-to/without_hydra.md).

{table(TUNING)}"""


def command() -> str:
    """Return the page of the command: its verbs in a table, then the help of each."""
    rows = (f"| [`qgtune {name}`](#qgtune-{name}) | {verb.get_short_help_str(100)} |" for name, verb in verbs())
    parts = "\n".join(f"## qgtune {name}\n\n```text\n{_help(name, verb)}\n```\n" for name, verb in verbs())
    return (
        """# The command

`SOURCE` is a sweep folder, which may have moved, a journal file, or the address of a database; `--study` names one
of several studies in it. Nothing but `resume`, `settle` and the verbs that steer a running sweep changes a study; the
sweep looks for what they want about once a second, from wherever the command comes, on any storage.

Every error is one line on stderr. Exit codes and `--json` stand in [the command in scripts](../command.md).

| command | does |
|---|---|
"""
        + "\n".join(rows)
        + f"\n\n{parts}"
    )


def verbs() -> Iterator[tuple[str, click.Command]]:
    """Yield the verbs of the command in their order."""
    context = click.Context(app)
    for name in app.list_commands(context):
        if (verb := app.get_command(context, name)) is not None:
            yield name, verb


def _help(name: str, verb: click.Command) -> str:
    above = app.make_context("qgtune", [], resilient_parsing=True)  # it says what asks for help: -h, too
    return verb.get_help(click.Context(verb, above, info_name=name, terminal_width=100, max_content_width=100))


def python() -> str:
    """Return the page of public names."""
    own = {name: getattr(qgtune, name) for name in qgtune.__all__}
    parts = (
        ("qgtune", own),
        ("qgtune.ddp", {"run": ddp.run}),
        ("qgtune.tune", {name: getattr(tune, name) for name in tune.__all__}),
        ("qgtune.results.report", {"report": report}),
    )
    text = "\n".join(f"## {module}\n\n" + "\n".join(_entries(module, names)) for module, names in parts)
    return f"""# Python names

These are the public names; anything else may change between any two releases.

{text}"""


def _entries(module: str, names: Mapping[str, Callable[..., Any]]) -> Iterator[str]:
    for name, value in names.items():
        doc = inspect.getdoc(value) or ""
        shown = f"{module}.{name}" + ("" if inspect.isclass(value) else _signature(value))
        yield f"### {name}\n\n```text\n{shown}\n```\n\n{_prose(doc)}\n"


def _signature(function: Callable[..., Any]) -> str:
    text = str(inspect.signature(function))
    return re.sub(r"'([^']*)'", r"\1", text) if "'" in text else text


def _prose(doc: str) -> str:
    """Return a docstring of Google's form as Markdown."""
    lines: list[str] = []
    for line in doc.splitlines():
        if re.fullmatch(r"(Args|Returns|Raises|Attributes|Yields):", line):
            lines += [f"**{line}**", ""]
        elif match := re.match(r"    (\*{0,2}[\w.]+): (.*)", line):
            lines.append(f"- `{match[1]}`: {match[2]}")
        else:
            lines.append(line.strip())
    return "\n".join(lines).strip()


def study() -> str:
    """Return the page of what a study carries: the table that the architecture has."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    (found,) = re.findall(r"## What a study carries\n\n((?:\|.*\n)+)", page)
    return f"""# What a study carries

A study is an ordinary one of Optuna: any of its tools reads and writes it. What qgtune adds are attributes of the study
(`study.system_attrs`) and of its trials (`trial.system_attrs`):

{found}
A trial's intermediate values are its reports. What your function sets with
`qgtune.current_trial().set_user_attr(…)` are user attributes, which qgtune never touches.
"""


def modules() -> str:
    """Return the page of all modules, a line each."""
    return f"""# Where everything is

A line for each module: the first sentence of its docstring. Which may import which is said by
[how it is built](../architecture.md).

```text
{chr(10).join(_tree(ROOT / "qgtune", 0))}
```
"""


def _tree(folder: Path, depth: int) -> Iterator[str]:
    """Yield a line for a package, and for all that it holds."""
    yield f"{'  ' * depth}{folder.name}/  {_sentence(folder / '__init__.py')}"
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.is_dir() and (path / "__init__.py").exists():
            yield from _tree(path, depth + 1)
        elif path.suffix == ".py" and path.name != "__init__.py":
            yield f"{'  ' * (depth + 1)}{path.name}  {_sentence(path)}"


def _sentence(file: Path) -> str:
    doc = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    first = re.split(r"(?<=[.!?]) |\n\n", doc, maxsplit=1)[0]
    return " ".join(first.split()).rstrip(".")


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings,
    "command.md": command,
    "python.md": python,
    "study.md": study,
    "modules.md": modules,
}


def stale() -> list[str]:
    """Return the pages that do not say what the code says."""
    return [
        name
        for name, make in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text() != MADE + make()
    ]


def main(arguments: list[str]) -> int:
    """Write the pages that are stale, or with `--check` only name them."""
    names = stale()
    if "--check" not in arguments:
        for name in names:
            (FOLDER / name).write_text(MADE + PAGES[name]())
            print(f"docs/reference/{name}")
        return 0
    print(*(f"docs/reference/{name} is not up to date: run make reference" for name in names), sep="\n")
    return min(len(names), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
