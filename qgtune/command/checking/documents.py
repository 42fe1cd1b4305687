"""The files that `qgtune check` reads: what each of them is, and where in it a node stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qgtune.errors import Located, QGTuneError
from qgtune.space.reading.tagged import Apart, has_tags
from qgtune.space.reading.yaml_files import load_yaml, positions_of, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Kind = Literal["space", "dependencies", "base", "tuning"]
WORDS: dict[Kind, str] = {
    "space": "search space",
    "dependencies": "dependency mapping",
    "base": "base settings",
    "tuning": "tuning config",
}
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)
_NODES: dict[str, Kind] = {"search_space": "space", "dependencies": "dependencies"}
_TOP = (1, 1)


@dataclass(frozen=True, slots=True)
class Document:
    """One input, out of a file.

    Attributes:
        kind: what it is.
        file: the file's path, as the user typed it.
        data: the input, as plain data, at the place in the config that its package names.
        inside: where it stands in the file, for one that is a node of a larger one.
        below: its package: where the file's content stands in the input.
        positions: line and column of each node of the file.
    """

    kind: Kind
    file: str
    data: Any
    inside: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    positions: Mapping[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What errors call it."""
        return f"{self.file} ({'.'.join(self.inside)})" if self.inside else self.file

    def place(self, path: str) -> tuple[int, int]:
        """Return line and column of the node at a path, or of the nearest one above it."""
        parts = tuple(path.split(".")) if path else ()
        parts = (*self.inside, *parts[len(self.below) :])
        while parts and parts not in self.positions:
            parts = parts[:-1]
        return self.positions.get(parts, _TOP)


def read_documents(file: str, kind: Kind | None = None, package: str | None = None) -> list[Document]:
    """Read a file.

    Args:
        file: its path.
        kind: what it is; None looks for the package in its first lines, or at its keys.
        package: where its content stands in the base settings; None takes what its first lines say.

    Returns:
        What it holds: a config that has `hydra.sweeper.search_space` holds the base settings and the search space.

    Raises:
        QGTuneError: when it is missing or no YAML, or shows no sign of what it is.
    """
    text = read_text(Path(file), "file" if kind is None else WORDS[kind])
    try:
        tags = kind in (None, "space", "base")
        data = load_yaml(text, f"the {'file' if kind is None else WORDS[kind]} {file!r}", tags=tags)
        apart = Apart(file).read(data) if has_tags(data) else None
    except QGTuneError as error:
        raise QGTuneError(
            *(Located(problem, "", file, _place(problem) or _TOP) for problem in error.problems)
        ) from None
    if apart is not None:
        return _of_tags(Document("base", file, None, positions=_positions(text)), apart, kind)
    header = _PACKAGE.search(text)
    named = () if header is None or header[1] == "_global_" else tuple(header[1].split("."))
    return _sorted_out(Document(kind or "base", file, data, positions=_positions(text)), kind, named, package)


def _place(problem: str) -> tuple[int, int] | None:
    return problem.place if isinstance(problem, Located) else None


def _of_tags(found: Document, apart: Apart, kind: Kind | None) -> list[Document]:
    """Return what a file with QuantumGrav's tags holds: all three, or what it was given as."""
    base = replace(found, kind="base", data=apart.base)
    if kind == "base":
        return [base]
    space = replace(found, kind="space", data=apart.space if kind is None else apart.whole)
    more = [replace(found, kind="dependencies", data=apart.dependencies)] if apart.dependencies else []
    return [*([base] if kind is None else []), space, *more]


def _sorted_out(found: Document, kind: Kind | None, named: tuple[str, ...], package: str | None) -> list[Document]:
    below_sweeper = named[:2] == ("hydra", "sweeper") and named[2:3] in [(name,) for name in _NODES]
    if kind is None:
        kind = _NODES[named[2]] if below_sweeper else _guess(found.data, found.file)
    if kind == "base" and package is not None:
        named = tuple(part for part in package.split(".") if part)
    elif kind != "base":
        named = named[3:] if below_sweeper else ()
    return [
        replace(found, kind=part, inside=inside, below=named, data=_wrapped(data, () if inside else named))
        for part, inside, data in _split(found.data, kind)
    ]


def _guess(data: Any, file: str) -> Kind:
    from qgtune.tune.settings import KEYS

    if isinstance(data, dict) and data and set(data) <= set(KEYS):
        return "tuning"
    if isinstance(data, dict) and ("defaults" in data or _node_of(data)):
        return "base"
    raise QGTuneError(
        f"Cannot tell what {file!r} is: it has no line such as `# @package hydra.sweeper.search_space`. "
        "Give it with --space, --dependencies, --base or --tuning."
    )


def _node_of(data: Any) -> dict[str, Any]:
    """Return the space and the dependencies that a config of an app holds."""
    sweeper: Any = data
    for key in ("hydra", "sweeper"):
        sweeper = sweeper.get(key) if isinstance(sweeper, dict) else None
    given = sweeper if isinstance(sweeper, dict) else {}
    return {name: given[name] for name in _NODES if isinstance(given.get(name), dict)}


def _split(data: Any, kind: Kind) -> list[tuple[Kind, tuple[str, ...], Any]]:
    """Split a config into the base settings and what stands below `hydra.sweeper`, or return what it is as a whole."""
    inner = [(_NODES[name], ("hydra", "sweeper", name), node) for name, node in _node_of(data).items()]
    # A defaults list and the node `hydra` are Hydra's, and no settings.
    own = {key: item for key, item in data.items() if key not in ("defaults", "hydra")} if _is_hydras(data) else data
    if kind == "base":
        return [("base", (), own), *inner]
    return [part for part in inner if part[0] == kind] or [(kind, (), own)]


def _is_hydras(data: Any) -> bool:
    return isinstance(data, dict) and (isinstance(data.get("defaults"), list) or isinstance(data.get("hydra"), dict))


def _wrapped(data: Any, package: Sequence[str]) -> Any:
    for part in reversed(package):
        data = {part: data}
    return data


def _positions(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return where nodes stand; a `+` in front of a key is no part of its path."""
    return {tuple(part.lstrip("+") or part for part in path): place for path, place in positions_of(text).items()}
