"""Takes the pictures of `docs/pictures` from a real sweep: `make pictures`.

    python -m tools.pictures

The sweep of `make demo` runs on a pseudo-terminal, whose screen becomes an SVG; Chromium opens its report. It needs the
tools of the tests (extra `dev`) and Debian's `chromium`.
"""

from __future__ import annotations

import base64
import io
import itertools
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.browser import find_browser, running_browser
from tests.terminal import Terminal

if TYPE_CHECKING:
    from pyte.screens import Char, Screen

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
COLUMNS = 100
LIMIT_S = 300.0
SWEEP = (
    "--multirun",
    "hydra.sweep.dir=sweep",
    "hydra.sweeper.n_trials=12",
    "hydra.sweeper.n_jobs=2",
    "training.epochs=30",
)
MIDDLE = r"[4-9] of 12 (?!trials)[\s\S]*step \d+[\s\S]*step \d+"
NAMES = {"brown": "yellow", "brightbrown": "bright_yellow"}  # as pyte calls them, and rich


def style(char: Char) -> Style:
    """Return how rich shows a character of a terminal."""
    color, background = (_color(name) for name in (char.fg, char.bg))
    return Style(color=color, bgcolor=background, bold=char.bold, italic=char.italics, reverse=char.reverse)


def _color(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    return NAMES.get(name, name.replace("bright", "bright_"))


def _line(screen: Screen, row: int) -> Text:
    """Return a row of a screen, in as few pieces as it has styles."""
    characters = (screen.buffer[row][column] for column in range(COLUMNS))
    pieces = itertools.groupby(characters, style)
    return Text.assemble(*(("".join(one.data for one in piece), look) for look, piece in pieces))


def draw(screen: Screen, n_last: int, title: str, file: Path) -> None:
    """Write the last lines of a screen as an SVG."""
    lines = [_line(screen, row) for row in range(screen.lines)]
    used = [number for number, line in enumerate(lines) if line.plain.strip()]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines[max(0, used[-1] + 1 - n_last) : used[-1] + 1]:
        line.rstrip()
        console.print(line, overflow="crop", no_wrap=True)
    # The font of the reader: rich's default is fetched from elsewhere.
    text = console.export_svg(title=title, theme=MONOKAI, unique_id=file.stem)
    text = re.sub(r"@font-face \{.*?\}\s*", "", text, flags=re.DOTALL).replace("Fira Code, monospace", "monospace")
    file.write_text(text)


def take(folder: Path) -> None:
    """Run the sweep in a folder, and take all pictures."""
    for name in ("examples", "conf"):
        (folder / name).symlink_to(ROOT / name)
    terminal = Terminal([sys.executable, "examples/train.py", *SWEEP], folder, COLUMNS, 60)
    terminal.wait_for(MIDDLE, LIMIT_S)
    draw(terminal.screen, 16, "python examples/train.py --multirun hydra.sweeper.n_jobs=2", FOLDER / "live.svg")
    if terminal.finish(LIMIT_S) != 0:
        raise RuntimeError(terminal.text)
    shown = Terminal(
        [sys.executable, "-m", "qgtune", "show", "sweep", "--sort", "value", "--limit", "8"], folder, COLUMNS, 60
    )
    shown.finish(LIMIT_S)
    draw(shown.screen, 40, "qgtune show sweep --sort value --limit 8", FOLDER / "show.svg")
    _photograph(folder / "sweep" / "report.html", FOLDER / "report.png")


def _photograph(page_file: Path, file: Path) -> None:
    command = find_browser()
    if command is None:
        raise RuntimeError("there is no Chromium; install the Debian package chromium")
    with (
        tempfile.TemporaryDirectory() as profile,
        running_browser(command, Path(profile)) as browser,
        browser.open(page_file, width=1200, height=900) as page,
    ):
        page.wait_for("document.querySelectorAll('.main-svg').length > 2")
        data = page.call("Page.captureScreenshot", format="png")["data"]
    file.write_bytes(base64.b64decode(data))


def main() -> None:
    """Take the pictures again."""
    FOLDER.mkdir(exist_ok=True)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # as in an activated venv
    with tempfile.TemporaryDirectory() as folder:
        take(Path(folder))
    print(*sorted(str(path.relative_to(ROOT)) for path in FOLDER.iterdir()), sep="\n")


if __name__ == "__main__":
    main()
