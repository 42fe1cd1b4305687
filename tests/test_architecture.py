"""The house stands as `docs/architecture.md` draws it: layers, circles, sizes."""

from __future__ import annotations

import ast
import statistics
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[1]
FILES = {
    path.relative_to(ROOT): ast.parse(path.read_text())
    for package in ("qgtune", "hydra_plugins")
    for path in sorted((ROOT / package).rglob("*.py"))
}
# From the top to the ground; an import points to the same layer or to one below.
LAYERS = ("hydra_plugins", "command tune ddp", "sweep", "results hooks", "progress", "processes", "study", "space", "")
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
LARGEST_FOLDER = 11


def module(path: Path) -> str:
    """Return a file's module."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path) for path in FILES}


def layer(name: str) -> int:
    """Return how far down a module lies: the package itself and the files in it are the ground."""
    parts = name.split(".")
    room = parts[0] if parts[0] == "hydra_plugins" else parts[1] if len(parts) > 1 else ""
    return next((depth for depth, rooms in enumerate(LAYERS) if room in rooms.split()), len(LAYERS) - 1)


def uses(path: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports, also inside functions and for type checking."""
    for node in ast.walk(FILES[path]):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                candidates = (f"{node.module}.{alias.name}", node.module)
                found = next((name for name in candidates if name in MODULES), None)
                if found is not None and found != module(path):
                    yield found


# The package's own face: `from qgtune import report` reaches down when it is used.
FACE = ("qgtune", "qgtune.__main__")


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_point_down(path: Path) -> None:
    """A lower layer knows nothing of a higher one, not even its types."""
    if module(path) not in FACE:
        up = [name for name in uses(path) if layer(name) < layer(module(path))]
        assert not up


def test_no_two_modules_import_each_other() -> None:
    """Whoever reads one of two modules need not read the other first."""
    all_uses = {module(path): set(uses(path)) for path in FILES}
    circles = {
        tuple(sorted((one, other)))
        for one, others in all_uses.items()
        for other in others
        if one in all_uses.get(other, ()) and not other.startswith(f"{one}.") and not one.startswith(f"{other}.")
    }
    assert not circles


@pytest.mark.parametrize("path", FILES, ids=str)
def test_sizes(path: Path) -> None:
    """A file stays under 400 lines, a function under 50."""
    assert len((ROOT / path).read_text().splitlines()) < LONGEST_FILE
    assert not [node.name for node in functions(path) if length(node) > LONGEST_FUNCTION]


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return a file's functions."""
    return [node for node in ast.walk(FILES[path]) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has, its docstring left out."""
    text = ast.get_docstring(node, clean=False)
    return (node.end_lineno or 0) - node.lineno + 1 - (len(text.splitlines()) if text else 0)


def test_half_of_the_functions_are_short() -> None:
    """A function does one thing: half of them have fewer than nine lines."""
    assert statistics.median(length(node) for path in FILES for node in functions(path)) < 9


def test_no_folder_is_a_hall() -> None:
    """What has a name of its own has a room of its own."""
    rooms = Counter(path.parent for path in FILES if path.name != "__init__.py")
    assert {str(room): n for room, n in rooms.items() if n > LARGEST_FOLDER} == {}


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=str)
def test_each_room_says_what_lives_there(path: Path) -> None:
    """A package's docstring is where a newcomer looks first."""
    text = ast.get_docstring(FILES[path]) or ""
    assert len(text) > 20
    assert "TODO" not in text


def test_the_page_names_each_room() -> None:
    """The drawing is of this house."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent for path in FILES if path.parts[0] == "qgtune" and path.parent != Path("qgtune")}
    assert [str(room) for room in sorted(rooms) if f"`{room.relative_to('qgtune')}/`" not in page] == []
