"""The code blocks of a page, and what becomes of each when the page is tried.

A page is a script. In one folder, from top to bottom:

- a block with `title="some/file"` is written there;
- `sh` is run by bash, but for the lines that set up an environment (`pip`, `make`), since a test may not;
- `console` is run by bash line for line, and what it shows below a `$` line has to come, in that order; `…` stands for
  anything;
- `python` without a title is run as a script; `yaml` without one has to be YAML;
- `<!-- before: command -->` anywhere in the page is run first: for what the page takes as there, such as a sweep;
- `text` is for the eye, and so is a block with a title that starts with `Not run`, which says why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("README.md")))
NOT_RUN = "Not run"
_FENCE = re.compile(r'^( *)```(\w+)(?: title="([^"]*)")?\n(.*?)^ *```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes:
        page: the file that it stands in.
        line: where it starts.
        language: of the code.
        title: the file that it is, or why it is not run; empty for neither.
        text: the code, without the indentation of the block.
    """

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def is_run(self) -> bool:
        """Whether it is a file or a command of the page."""
        return not self.title.startswith(NOT_RUN)


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in their order."""
    text = page.read_text()
    return [
        Block(
            page,
            text.count("\n", 0, found.start()) + 1,
            found[2],
            found[3] or "",
            re.sub(rf"^{found[1]}", "", found[4], flags=re.MULTILINE),
        )
        for found in _FENCE.finditer(text)
    ]


def before(page: Path) -> list[str]:
    """Return the commands that a page needs to have been run."""
    return re.findall(r"<!-- before: (.*?) -->", page.read_text())


@dataclass(frozen=True, slots=True)
class Shown:
    """A command with the output that a page shows.

    Attributes:
        command: for bash.
        lines: what it prints, as far as shown; `…` stands for anything.
    """

    command: str
    lines: tuple[str, ...]

    def missing(self, printed: str) -> list[str]:
        """Return the shown lines that the output has not, in this order."""
        real = iter(_plain(printed).splitlines())
        return [line for line in self.lines if not any(_pattern(line).fullmatch(one.rstrip()) for one in real)]


def shown(block: Block) -> list[Shown]:
    """Return the commands of a console block."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        command, *lines = part.replace("\\\n", " ").splitlines()
        found.append(Shown(command, tuple(line.rstrip() for line in lines if line.strip(" .…"))))
    return found


def _plain(printed: str) -> str:
    """Leave out what differs from run to run: Hydra's times and the bytes that colour a terminal."""
    return re.sub(r"^\[[\d:, -]+\](?=\[)|\x1b\[[\d;]*m", "", printed, flags=re.MULTILINE)


def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, line.split("…"))))
