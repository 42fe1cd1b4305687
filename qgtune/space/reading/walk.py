"""One pass over a search space: which of its nodes are hyperparameters, which constants, which mistakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qgtune.errors import Located, QGTuneError, did_you_mean
from qgtune.space.model import Hyperparameter, categorical
from qgtune.space.nodes import TYPES, NodeError, is_choices, is_typed, range_of
from qgtune.space.paths import (
    MISSING,
    Parts,
    child,
    format_path,
    is_nameable,
    is_within,
    parse_path,
    select,
    suggestions,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def name_of(key: Any) -> Any:
    """Return a key of a space without the `+` that says that the base settings lack it."""
    return key.lstrip("+") if isinstance(key, str) else key


@dataclass(slots=True)
class Walk:
    """One pass over a space, beside the base settings and the dependency mapping."""

    base: Any
    source: str
    skipped: Sequence[Parts]
    tuned: Sequence[Parts] | None
    fixed: Sequence[Parts] = ()
    hyperparameters: dict[str, Hyperparameter] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def node(self, node: Any, base: Any, dependencies: Any, path: Parts, *, add: bool = False) -> None:
        """Read one node; `base` is the base's value there, or `MISSING`."""
        if self._is_left_out(path):
            return
        name = format_path(path)
        if is_typed(node) and node["type"] in TYPES:
            self._typed(node, name, path, add=add)
        elif self._is_choices(node, dependencies, path):
            self._notice_neighbour(name, path)
            self._try(name, lambda: categorical(name, node, self.source, add=add))
        elif is_typed(node) and not is_typed(select(self.base, path)):
            hint = did_you_mean(node["type"], TYPES)
            self.fail(name, f"its type {node['type']!r} is unknown. Give one of {', '.join(TYPES)}.{hint}")
        elif isinstance(node, list):
            self._list(node, base, dependencies, path)
        elif isinstance(node, dict):
            self.mapping(node, base, dependencies, path)
        else:
            self.constant(path, node)

    def _typed(self, node: Mapping[str, Any], name: str, path: Parts, *, add: bool) -> None:
        value = node["value"]
        if node["type"] == "fixed":
            self.constant(path, value)
        elif node["type"] == "tuple":
            self._try(name, lambda: self._range(name, value, add=add))
        elif not isinstance(value, list):
            self.fail(name, f"a categorical needs a list of choices, not {value!r}.")
        elif any(_has_range(choice) for choice in value):
            self.fail(name, "a choice holds a range, and what is chosen is taken as it stands. Give values in choices.")
        else:
            replaces = node.get("replace") is True
            self._try(name, lambda: categorical(name, value, self.source, add=add, replaces=replaces))

    def _range(self, name: str, value: Any, *, add: bool) -> Hyperparameter:
        try:
            distribution, notice = range_of(value)
        except NodeError as error:
            raise QGTuneError(self._located(name, f"Cannot use {name} of {self.source}: {error}.")) from None
        if notice:
            self.notices.append(self._located(name, f"{name} of {self.source}: {notice}."))
        return Hyperparameter(name, distribution, self.source, add=add)

    def _try(self, name: str, make: Any) -> None:
        if not self._is_tuned(parse_path(name)):
            return
        try:
            self.hyperparameters[name] = make()
        except QGTuneError as error:
            self.problems.extend(error.problems)

    def _list(self, node: list[Any], base: Any, dependencies: Any, path: Parts) -> None:
        if not isinstance(base, list) or len(base) != len(node):
            self.constant(path, self.skeleton(node))
            base = []
        if base or any(isinstance(item, (list, dict)) for item in node):
            inner = base or [MISSING] * len(node)
            for index, item in enumerate(node):
                self.below(item, inner[index], child(dependencies, index), (*path, index))

    def mapping(self, node: dict[Any, Any], base: Any, dependencies: Any, path: Parts) -> None:
        """Read a mapping, which may be the whole space."""
        if not all(map(is_nameable, node)):
            self._opaque(node, base, path)
            return
        replaces = path and not isinstance(base, dict) and base is not MISSING
        if replaces and not (base is None or (isinstance(base, str) and ("${" in base or base == "???"))):
            hint = (
                f" A range has the keys type ({', '.join(TYPES)}) and value, and no others." if "type" in node else ""
            )
            self.fail(format_path(path), f"the base settings hold {base!r} there, not a mapping.{hint}")
            return
        if replaces:
            self.constant(path, self.skeleton(node))
            base = MISSING
        self.refuse_twice(node, path)
        for key, item in node.items():
            add = isinstance(key, str) and key.startswith("+")
            bare = name_of(key)
            inner = child(base, bare)
            if inner is MISSING and base is not MISSING and not add:
                self._missing((*path, bare))
            else:
                self.below(item, inner, child(dependencies, bare), (*path, bare), add=add)

    def refuse_twice(self, node: dict[Any, Any], path: Parts) -> None:
        """Refuse `+width` beside `width`: which of them would hold?"""
        for key in node:
            if key != name_of(key) and name_of(key) in node:
                name = format_path((*path, name_of(key)))
                self.fail(name, f"it stands there twice, as {key!r} and {name_of(key)!r}. Drop one.")

    def below(self, node: Any, base: Any, dependencies: Any, path: Parts, *, add: bool = False) -> None:
        """Read a node; what lies below a place that was replaced or added whole is there already, but for ranges."""
        if base is MISSING and not add and not self._is_range(node, dependencies, path):
            if isinstance(node, dict):
                self.mapping(node, MISSING, dependencies, path)
            elif isinstance(node, list):
                for index, item in enumerate(node):
                    self.below(item, MISSING, child(dependencies, index), (*path, index))
            return
        if base is MISSING and add and isinstance(node, dict) and not is_typed(node):
            self.constant(path, self.skeleton(node))
            self.mapping(node, MISSING, dependencies, path)
            return
        self.node(node, base, dependencies, path, add=add)

    def _is_range(self, node: Any, dependencies: Any, path: Parts) -> bool:
        return is_typed(node) or self._is_choices(node, dependencies, path)

    def _is_choices(self, node: Any, dependencies: Any, path: Parts) -> bool:
        # Asked of the base itself, since a list that is replaced whole still shows which of its values are lists.
        return is_choices(node) and not isinstance(select(self.base, path), list) and not _sets_element(dependencies)

    def _notice_neighbour(self, name: str, path: Parts) -> None:
        if isinstance(_like(self.base, path), list) and self._is_tuned(path):
            text = (
                f"{name} of {self.source} is read as choices, though the base settings hold a list in the element "
                "before. Write {type: fixed, value: [...]} for a list."
            )
            self.notices.append(self._located(name, text))

    def _opaque(self, node: dict[Any, Any], base: Any, path: Parts) -> None:
        """Put a mapping in whole, one of whose keys no path can name, such as `a.b`."""
        key = next(key for key in node if not is_nameable(key))
        if not path or _holds_range(node, base):
            reason = f"its key {key!r} cannot be part of a path. Rename it, or keep ranges out of this mapping."
            self.fail(format_path(path) or "the top level", reason)
        else:
            self.constant(path, _merged(base, self.skeleton(node)))

    def skeleton(self, node: Any) -> Any:
        """Return a structure to put in whole; its ranges hold null until they are sampled."""
        if is_typed(node):
            return node["value"] if node["type"] == "fixed" else None
        if isinstance(node, dict):
            return {name_of(key): self.skeleton(item) for key, item in node.items()}
        if isinstance(node, list):
            return [self.skeleton(item) if isinstance(item, (dict, list)) else item for item in node]
        return node

    def constant(self, path: Parts, value: Any) -> None:
        """Keep a constant, if its path is tuned."""
        if self._is_tuned(path):
            self.constants[format_path(path)] = self._keep_fixed(path, value)

    def _keep_fixed(self, path: Parts, value: Any) -> Any:
        """Return a structure with what the command line set inside it."""
        for fixed in self.fixed:
            if len(fixed) > len(path) and is_within(fixed, path):
                above, there = select(value, fixed[len(path) : -1]), select(self.base, fixed)
                if there is MISSING or not isinstance(above, (dict, list)) or child(above, fixed[-1]) is MISSING:
                    self.notices.append(
                        f"{format_path(fixed)} was set on the command line, but {self.source} drops it."
                    )
                else:
                    above[fixed[-1]] = there  # type: ignore[index] # an index of a list or a key of a mapping
        return value

    def _missing(self, path: Parts) -> None:
        if not self._is_left_out(path):
            hint = suggestions(self.base, path)
            self.fail(format_path(path), f"the base settings have no such path.{hint} Write +{path[-1]} to add it.")

    def fail(self, name: str, reason: str) -> None:
        """Keep a problem."""
        self.problems.append(self._located(name, f"Cannot use {name} of {self.source}: {reason}"))

    def _located(self, name: str, text: str) -> Located:
        return Located(text, name, self.source)

    def _is_left_out(self, path: Parts) -> bool:
        return any(is_within(path, skipped) for skipped in self.skipped)

    def _is_tuned(self, path: Parts) -> bool:
        return self.tuned is None or any(is_within(path, top) for top in self.tuned)


def _sets_element(dependencies: Any) -> bool:
    return isinstance(dependencies, list) and any(isinstance(item, str) for item in dependencies)


def _like(base: Any, path: Parts) -> Any:
    """Return the base's value at a path, where the last element of a list speaks for those beyond its end."""
    for part in path:
        inner = child(base, part)
        base = base[-1] if inner is MISSING and isinstance(base, list) and base else inner
    return base


def _holds_range(node: Any, base: Any) -> bool:
    if is_typed(node) or (is_choices(node) and not isinstance(base, list)):
        return not is_typed(node) or node["type"] in ("tuple", "categorical")
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return any(_holds_range(item, child(base, key)) for key, item in items)


def _has_range(choice: Any) -> bool:
    if is_typed(choice):
        return choice["type"] in TYPES
    items = choice.values() if isinstance(choice, dict) else choice if isinstance(choice, list) else ()
    return any(map(_has_range, items))


def _merged(base: Any, node: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(node, dict):
        return node
    return {**base, **{key: _merged(base.get(key), item) for key, item in node.items()}}


def bare(space: Any) -> Any:
    """Return a space without the `+` of its keys, each range a leaf."""
    if is_typed(space) and space["type"] in TYPES:
        return None
    if isinstance(space, dict):
        return {name_of(key): bare(item) for key, item in space.items()}
    return [bare(item) for item in space] if isinstance(space, list) else space
