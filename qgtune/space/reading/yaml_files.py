"""YAML in and out: floats as people write them, no duplicate keys, no code, whole files or none."""

from __future__ import annotations

import itertools
import numbers
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import yaml

from qgtune.errors import Located, QGTuneError
from qgtune.files import write_whole
from qgtune.objects import PYOBJECT, TAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# YAML 1.1 readers take `1e-5` for text; this is what people mean by it.
_FLOAT = re.compile(
    r"""^(?:
     [-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?(?:[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)
    |\.[0-9_]+(?:[eE][-+]?[0-9]+)?
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
_FLOAT_TAG = "tag:yaml.org,2002:float"
_FLOAT_STARTS = list("-+0123456789.")
_TIMESTAMP_TAG = "tag:yaml.org,2002:timestamp"
_VALUE_TAG = "tag:yaml.org,2002:value"
MAX_DEPTH = 64
MAX_VALUES = 500_000
"""How deep a file may nest, and how many values it may hold, aliases followed: more is a mistake, or an attack."""
_MERGE = "tag:yaml.org,2002:merge"


_TOO_MUCH = f"it nests deeper than {MAX_DEPTH} levels or holds more than {MAX_VALUES:,} values"

# libyaml reads and writes several times faster than PyYAML alone; not every build of PyYAML has it.
_FastSafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FastSafeDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Loader(_FastSafeLoader):  # type: ignore[misc] # one of two classes
    """A safe loader that reads `1e-5` as a float, refuses duplicate keys, and copies what aliases share."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._checked: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        # Not PyYAML's: 6.0.4 lets what a merged mapping merged win over its own keys. And only a node's first time
        # shows what the user wrote.
        if id(node) in self._checked:
            return
        self._checked.add(id(node))
        self._refuse_duplicates(node)
        merged: dict[tuple[str, Any], tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for mapping in reversed(value.value if isinstance(value, yaml.SequenceNode) else [value]):
                    merged.update({(pair[0].tag, pair[0].value): pair for pair in self._mergeable(mapping)})
        own = {(pair[0].tag, pair[0].value): pair for pair in node.value if pair[0].tag != _MERGE}
        node.value = list({**merged, **own}.values())

    def _mergeable(self, node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise _error("only mappings can be merged", node)
        self.flatten_mapping(node)
        if any(key.tag == _MERGE for key, _ in node.value):
            raise _error("a mapping merges itself", node)
        return list(node.value)

    def _refuse_duplicates(self, node: yaml.MappingNode) -> None:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == _MERGE:
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise _error("a key must be text or a number", key_node)
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _error(f"key {key!r} stands here twice", key_node)
            seen.add(key)


def _error(problem: str, at: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, at.start_mark)


class _Dumper(_FastSafeDumper):  # type: ignore[misc] # one of two classes
    """A safe dumper that quotes what our loader would read as a float, and writes every place out in full."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _without(tags: set[str], resolvers: dict[str, list[tuple[str, Any]]]) -> dict[str, list[tuple[str, Any]]]:
    return {start: [(tag, rule) for tag, rule in rules if tag not in tags] for start, rules in resolvers.items()}


def _refuse_tag(_: _Loader, node: yaml.Node) -> Any:
    how = "Write a range as {type: tuple, value: [low, high]}, choices as {type: categorical, value: [one, other]}"
    raise _error(f"the tag {node.tag!r} is not read here. {how}, or let qgtune convert split the file", node)


# No other constructors: a package that registers `!pyobject` for every safe loader means its own files.
_Loader.yaml_multi_constructors = {}
_Loader.yaml_constructors = {
    f"tag:yaml.org,2002:{kind}": getattr(yaml.constructor.SafeConstructor, f"construct_yaml_{kind}")
    for kind in ("null", "bool", "int", "float", "str", "binary", "seq", "map")
}
_Loader.yaml_constructors[None] = _refuse_tag
# Dates stay text, as in OmegaConf's own loader: configs cannot hold them. So does `=`, which nothing constructs.
_Loader.yaml_implicit_resolvers = _without(
    {_FLOAT_TAG, _TIMESTAMP_TAG, _VALUE_TAG}, yaml.resolver.Resolver.yaml_implicit_resolvers
)
_Loader.add_implicit_resolver(_FLOAT_TAG, _FLOAT, _FLOAT_STARTS)
_Dumper.yaml_implicit_resolvers = {key: list(rules) for key, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()}
_Dumper.add_implicit_resolver(_FLOAT_TAG, _FLOAT, _FLOAT_STARTS)


@dataclass(frozen=True, slots=True)
class Tag:
    """A node with a tag of QuantumGrav's.

    Attributes:
        name: the tag, without its `!`.
        data: what stands behind it, plain.
        line: where, from 1 on.
    """

    name: str
    data: Any
    line: int


class _TagLoader(_Loader):
    """The same, which reads QuantumGrav's tags: a `!pyobject` as text, which imports nothing, the others as `Tag`."""


def _tag(loader: _TagLoader, node: yaml.Node) -> Tag:
    if not isinstance(node, yaml.MappingNode):
        raise _error(f"{node.tag} needs a mapping", node)
    return Tag(node.tag.removeprefix("!"), loader.construct_mapping(node, deep=True), node.start_mark.line + 1)


def _pyobject(_: _TagLoader, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or not all(part.isidentifier() for part in node.value.split(".")):
        raise _error("!pyobject needs a name such as torch.nn.ReLU", node)
    return f"{PYOBJECT}{node.value}"


def _refuse_other_tag(_: _TagLoader, node: yaml.Node) -> Any:
    raise _error(f"the tag {node.tag!r} is none of {', '.join(f'!{name}' for name in (*TAGS, 'pyobject'))}", node)


for _name in TAGS:
    _TagLoader.add_constructor(f"!{_name}", _tag)
_TagLoader.add_constructor("!pyobject", _pyobject)
_TagLoader.add_constructor(None, _refuse_other_tag)


def load_yaml_file(path: Path, what: str, *, tags: bool = False) -> Any:
    """Read a YAML file as plain Python data.

    `1e-5` is a float; anchors and aliases load as copies; `${...}` stays text.

    Args:
        path: the file.
        what: what it is to the user, for errors, as in `search space`.
        tags: whether QuantumGrav's tags are read, as `Tag`; else they are errors.

    Raises:
        QGTuneError: when it is missing or cannot be read, is no YAML, holds a key twice or a tag that would build an
            object.
    """
    return load_yaml(read_text(path, what), f"the {what} {str(path)!r}", tags=tags)


def read_text(path: Path, what: str) -> str:
    """Read a text file that the user named.

    Args:
        path: the file.
        what: what it is to the user, for errors.

    Raises:
        QGTuneError: when it is missing, no file (a pipe would be waited for), or no UTF-8 text.
    """
    try:
        if path.exists() and not path.is_file():
            raise QGTuneError(f"Cannot read the {what}: {str(path)!r} is no file. Check the path.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise QGTuneError(f"Cannot read the {what}: there is no file {str(path)!r}. Check the path.") from None
    except (OSError, ValueError) as error:
        raise QGTuneError(f"Cannot read the {what} {str(path)!r}: {error}.") from None


def load_yaml(text: str, what: str, *, tags: bool = False) -> Any:
    """Read YAML text as plain Python data; `load_yaml_file` says how.

    Raises:
        QGTuneError: with line and column.
    """
    try:
        _refuse_too_much(text)
        loader = _TagLoader if tags else _Loader
        return _copied(yaml.load(text, Loader=loader), (), itertools.count())  # noqa: S506 - a safe loader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        at = None if mark is None else (mark.line + 1, mark.column + 1)
        raise QGTuneError(Located(f"Cannot read {what}{place}: {error.problem or error.context}.", place=at)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise QGTuneError(f"Cannot read {what}: {' '.join(str(error).split())}.") from None


def _refuse_too_much(text: str) -> None:
    """Refuse what no reader here could take: libyaml's composer recurses on the C stack."""
    depth = 0
    for n_events, event in enumerate(yaml.parse(text, Loader=_FastSafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or n_events > MAX_VALUES:
            raise _error(_TOO_MUCH, event)


def positions_of(text: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Return where each node of a YAML text stands: line and column of its key, or of the element, from 1 on.

    Paths are made of keys and indices as text. What an alias brings stands where its anchor is.

    Raises:
        yaml.YAMLError: when the text is no YAML.
    """
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    root = yaml.compose(text, Loader=_Loader)
    if root is not None:
        _collect(root, (), root.start_mark, found)
    return found


def _collect(
    node: yaml.Node, path: tuple[str, ...], mark: yaml.Mark, found: dict[tuple[str, ...], tuple[int, int]]
) -> None:
    found.setdefault(path, (mark.line + 1, mark.column + 1))
    if isinstance(node, yaml.MappingNode):
        # What is merged in comes last: the mapping's own keys win.
        for key, value in sorted(node.value, key=lambda pair: bool(pair[0].tag == _MERGE)):
            if key.tag == _MERGE:
                for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    _collect(merged, path, merged.start_mark, found)
            else:
                _collect(value, (*path, str(key.value)), key.start_mark, found)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect(item, (*path, str(index)), item.start_mark, found)


def _copied(node: Any, above: tuple[int, ...], counter: Iterator[int]) -> Any:
    """Give each place that an alias filled a node of its own."""
    if next(counter) > MAX_VALUES:
        raise ValueError(_TOO_MUCH)
    if not isinstance(node, (dict, list)):
        return node
    if id(node) in above:
        raise ValueError("an alias points at something that it is part of")
    above = (*above, id(node))
    if isinstance(node, dict):
        return {key: _copied(value, above, counter) for key, value in node.items()}
    return [_copied(value, above, counter) for value in node]


class _TagDumper(_Dumper):
    """The same, which writes `"!pyobject a.b.C"` as a tag."""


def _represent_text(dumper: Any, text: str) -> yaml.Node:
    if text.startswith(PYOBJECT):
        return dumper.represent_scalar("!pyobject", text.removeprefix(PYOBJECT))  # type: ignore[no-any-return]
    return dumper.represent_str(text)  # type: ignore[no-any-return]


_TagDumper.add_representer(str, _represent_text)


def dump_yaml(data: Any, *, tags: bool = False) -> str:
    """Return plain data as YAML that reads back as the same values, floats to the last bit.

    Args:
        data: plain data.
        tags: whether `"!pyobject a.b.C"` is written as the tag that QuantumGrav reads.

    Raises:
        yaml.YAMLError: for anything but plain data.
    """
    dumper = _TagDumper if tags else _Dumper
    return yaml.dump(as_plain(data), Dumper=dumper, sort_keys=False, allow_unicode=True, width=120)


_PLAIN = (type(None), bool, int, float, str, bytes)
_OTHER: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (PurePath, str),
    (str, str),
    (bytes, bytes),
    (numbers.Integral, int),
    (numbers.Real, float),
)


def as_plain(data: Any) -> Any:
    """Return data with an Enum member as its name, a `Path` as its text, and a number of another type as Python's."""
    if type(data) in _PLAIN:
        return data
    if isinstance(data, dict):
        return {as_plain(key): as_plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [as_plain(value) for value in data]
    if isinstance(data, Enum):
        return data.name
    return next((plain(data) for kind, plain in _OTHER if isinstance(data, kind)), data)


def is_plain(data: Any) -> bool:
    """Say whether `dump_yaml` writes data that reads back as what it was, apart from what `as_plain` makes of it."""
    if type(data) in _PLAIN:
        return True
    if isinstance(data, dict):
        return all(map(is_plain, data)) and all(map(is_plain, data.values()))
    if isinstance(data, (list, tuple)):
        return all(map(is_plain, data))
    return type(as_plain(data)) in _PLAIN


def write_yaml(path: Path, data: Any) -> None:
    """Write plain data to a YAML file, whole or not at all.

    Raises:
        OSError: when it cannot be written; what was there before is then kept.
    """
    write_whole(path, dump_yaml(data))
