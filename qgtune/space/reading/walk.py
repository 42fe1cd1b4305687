"""One pass over a search space: which of its nodes are hyperparameters, which constants, which mistakes."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from optuna.distributions import IntDistribution

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.conditions import Condition
from qgtune.space.counting import values_of
from qgtune.space.model import Hyperparameter, categorical
from qgtune.space.nodes import KEYS, LIST, TYPES, NodeError, form_hint, is_choices, is_list_form, is_typed, range_of
from qgtune.space.paths import (
    MISSING,
    Parts,
    child,
    children,
    format_path,
    is_nameable,
    is_within,
    parse_path,
    replaced,
    select,
)
from qgtune.space.reading.collected import Collected, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH = 1000
"""How many elements a list of tuned length may have."""


@dataclass(slots=True)
class Walk(Collected):
    """One pass over a space, beside the base settings and the dependency mapping."""

    def node(self, node: Any, base: Any, dependencies: Any, path: Parts, *, add: bool = False) -> None:
        """Read one node; `base` is the base's value there, or `MISSING`."""
        name = format_path(path)
        if self._is_left_out(path):
            self._left_out(node, name, path)
            return
        if is_list_form(node):
            self._tuned_list(node, base, dependencies, path, add=add)
        elif is_typed(node) and node["type"] in TYPES:
            self._typed(node, name, path, add=add)
        elif self._is_choices(node, dependencies, path):
            self._notice_neighbour(name, path)
            self._try(name, lambda: categorical(name, node, self.source, add=add))
        elif is_typed(node) and not is_typed(select(self.base, path)):
            self._unknown(node, name)
        elif isinstance(node, list):
            self._list(node, base, dependencies, path)
        elif isinstance(node, dict):
            self.mapping(node, base, dependencies, path)
        else:
            self.constant(path, node)

    def _unknown(self, node: Mapping[str, Any], name: str) -> None:
        if node["type"] == LIST:
            self.fail(name, f"it has no length. {form_hint(node)}")
            return
        known = (*TYPES, LIST)
        hint = did_you_mean(node["type"], known)
        self.fail(name, f"its type {node['type']!r} is unknown. Give one of {', '.join(known)}.{hint}")

    def _typed(self, node: Mapping[str, Any], name: str, path: Parts, *, add: bool) -> None:
        value = node["value"]
        if node["type"] == "fixed":
            self.constant(path, value)
            return
        when, prior = self._conditions(name, node.get("when")), node.get("prior", MISSING)
        if node["type"] == "tuple":
            self._try(name, lambda: self._range(name, value, add=add), when, prior)
        elif isinstance(value, dict):
            self._try(name, lambda: categorical(name, list(value), self.source, add=add), when, prior)
            self._branches(value, name, path)
        elif not isinstance(value, list):
            self.fail(name, f"a categorical needs a list of choices, or a mapping of options, not {value!r}.")
        elif any(_has_range(choice) for choice in value):
            self.fail(name, "a choice holds a range, and what is chosen is taken as it stands. Give values in choices.")
        else:
            replaces = node.get("replace") is True
            self._try(name, lambda: categorical(name, value, self.source, add=add, replaces=replaces), when, prior)

    def _left_out(self, node: Any, name: str, path: Parts) -> None:
        """Keep what else hangs on a node that is left alone: under what conditions it is there, and its branches."""
        self.skipped_when.setdefault(name, []).append(self.scope)
        if (
            is_typed(node)
            and node["type"] == "categorical"
            and isinstance(node["value"], dict)
            and path in self.skipped
        ):
            self._branches(node["value"], name, path)

    def _branches(self, options: dict[Any, Any], name: str, path: Parts) -> None:
        """Read what the options of a choice bring along, which stands beside it."""
        for option, branch in options.items():
            if branch is not None and not isinstance(branch, dict):
                self.fail(name, f"its option {option!r} needs a mapping of what stands beside it, or null.")
                continue
            if isinstance(path[-1], int):
                if branch:
                    text = f"its option {option!r} brings what stands beside it: a list's element has nothing."
                    self.fail(name, text)
                continue
            if any(name_of(key) == path[-1] for key in branch or ()):
                self.fail(name, f"its option {option!r} sets {path[-1]} itself. Drop that.")
                continue
            with self._under(Condition(name, (option,)), is_in_branch=True):
                self._beside(branch or {}, path[:-1])

    def _beside(self, branch: dict[Any, Any], above: Parts) -> None:
        base = MISSING if self.base is None else select(self.base, above)
        if base is not MISSING:
            self.mapping(branch, base, {}, above)
            return
        self.refuse_twice(branch, above)
        for key, item in branch.items():
            self.below(item, MISSING, {}, (*above, name_of(key)), add=True)

    def _tuned_list(self, node: Mapping[str, Any], base: Any, dependencies: Any, path: Parts, *, add: bool) -> None:
        """Read a list whose length is tuned."""
        name = format_path(path)
        base = self._followed(base, path)
        if base is not MISSING and not isinstance(base, list):
            self.fail(name, f"the base settings hold {base!r} there, not a list.")
            return
        length = self._length(node["length"], f"{name}.length", name)
        if length is None:
            return
        if not self._is_tuned(path):
            if isinstance(base, list):
                self._list([node["each"]] * len(base), base, dependencies, path)
            return
        longest = max(length.extremes())
        if longest > MAX_LENGTH:
            self.fail(name, f"its length goes up to {longest:,}. Give at most {MAX_LENGTH:,}.")
            return
        values = values_of(length.distribution) or ()
        self._try(length.path, lambda: length)
        self.lengths[name] = length.path
        elements = self._elements(node["each"], base, longest, path)
        index = self.index
        for self.index in range(longest):
            there = tuple(value for value in values if value > self.index)
            with self._under(Condition(length.path, there)):
                inner = child(dependencies, self.index)
                self.below(node["each"], elements[self.index], inner, (*path, self.index), add=add)
        self.index = index

    def _elements(self, each: Any, base: Any, count: int, path: Parts) -> list[Any]:
        """Put in as many elements as there may be, and return what each holds."""
        skeletons = [self.skeleton(each) for _ in range(count)]
        if not isinstance(base, list):
            self.constant(path, skeletons)
            return [MISSING] * count
        elements = [copy.deepcopy(base[min(index, len(base) - 1)]) for index in range(count)] if base else skeletons
        if self.is_in_branch:
            self._name(format_path(path), self.scope)
        if count != len(base):
            self.constants[format_path(path)] = self._keep_fixed(path, elements)
            self.base = replaced(self.base, path, elements)
        return elements if base else [MISSING] * count

    def _length(self, node: Any, name: str, path: str) -> Hyperparameter | None:
        given = node if is_typed(node) else {"type": "tuple", "value": node}
        if set(given) != set(KEYS):
            self.fail(name, f"a length has type and value, and nothing else, not {node!r}.")
            return None
        if given["type"] == "categorical" and isinstance(given["value"], list):
            if given["value"] and all(type(value) is int and value >= 0 for value in given["value"]):
                return replace(categorical(name, given["value"], self.source), length_of=path)
        elif given["type"] == "tuple":
            try:
                distribution, notice = range_of(given["value"])
            except NodeError as error:
                self.fail(name, f"{error}.")
                return None
            if isinstance(distribution, IntDistribution) and distribution.low >= 0:
                if notice:
                    self.notices.append(self._located(name, f"{name} of {self.source}: {notice}."))
                return Hyperparameter(name, distribution, self.source, length_of=path)
        self.fail(name, f"a length is [low, high] in whole numbers from 0 on, or a categorical of such, not {node!r}.")
        return None

    def _range(self, name: str, value: Any, *, add: bool) -> Hyperparameter:
        try:
            distribution, notice = range_of(value)
        except NodeError as error:
            raise QGTuneError(self._located(name, f"Cannot use {name} of {self.source}: {error}.")) from None
        if notice:
            self.notices.append(self._located(name, f"{name} of {self.source}: {notice}."))
        return Hyperparameter(name, distribution, self.source, add=add)

    def _list(self, node: list[Any], base: Any, dependencies: Any, path: Parts) -> None:
        if not isinstance(base, list) or len(base) != len(node):
            self.constant(path, self.skeleton(node))
            base = []
        if base or any(isinstance(item, (list, dict)) for item in node):
            inner = base or [MISSING] * len(node)
            for index, item in enumerate(node):
                if item not in (None, {}) or not base:  # which say nothing of an element
                    self.below(item, inner[index], child(dependencies, index), (*path, index))

    def mapping(self, node: dict[Any, Any], base: Any, dependencies: Any, path: Parts) -> None:
        """Read a mapping, which may be the whole space."""
        if not all(map(is_nameable, node)):
            self._opaque(node, base, path)
            return
        base = self._followed(base, path)
        replaces = path and not isinstance(base, dict) and base is not MISSING
        if replaces and not (base is None or (isinstance(base, str) and ("${" in base or base == "???"))):
            reason = f"the base settings hold {base!r} there, not a mapping. {form_hint(node)}"
            self.fail(format_path(path), reason.rstrip())
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

    def below(self, node: Any, base: Any, dependencies: Any, path: Parts, *, add: bool = False) -> None:
        """Read a node; what lies below a place that was replaced or added whole is there already, but for ranges."""
        if base is MISSING and not add and not self._is_range(node, dependencies, path):
            if isinstance(node, dict):
                self.mapping(node, MISSING, dependencies, path)
            elif isinstance(node, list):
                for index, item in enumerate(node):
                    self.below(item, MISSING, child(dependencies, index), (*path, index))
            return
        if base is MISSING and add and isinstance(node, dict) and not is_typed(node) and not is_list_form(node):
            self.constant(path, self.skeleton(node))
            self.mapping(node, MISSING, dependencies, path)
            return
        self.node(node, base, dependencies, path, add=add)

    def refuse_lost(self) -> None:
        """Refuse choices that overwrite what the command line set below them, or that all leave it out."""
        items = [one for first in self.hyperparameters.values() for one in first.all() if one.choices]
        for item, path in product(items, self.fixed):
            top = parse_path(item.path)
            if len(path) <= len(top) or not is_within(path, top):
                continue
            base, there = select(self.base, top), select(self.base, path)
            whole = [choice if item.replaces else _merged(base, choice) for choice in item.choices]
            found = [select(choice, path[len(top) :]) for choice in whole]
            kept = [value is there or value == there for value in found]
            others = [
                choice
                for choice, value, is_kept in zip(item.choices, found, kept, strict=True)
                if not is_kept and value is not MISSING
            ]
            if others or not any(kept):
                why = f"its choice {others[0]!r} sets it" if others else "all of its choices leave it out"
                self.problems.append(
                    f"Cannot set {format_path(path)}: {item.path} is tuned, in {item.source}, and {why}. Set it in the "
                    f"choices, or the whole of {item.path}."
                )

    def _is_range(self, node: Any, dependencies: Any, path: Parts) -> bool:
        return is_typed(node) or is_list_form(node) or self._is_choices(node, dependencies, path)

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


def _sets_element(dependencies: Any) -> bool:
    return isinstance(dependencies, list) and any(isinstance(item, str) for item in dependencies)


def _like(base: Any, path: Parts) -> Any:
    """Return the base's value at a path, where the last element of a list speaks for those beyond its end."""
    for part in path:
        inner = child(base, part)
        base = base[-1] if inner is MISSING and isinstance(base, list) and base else inner
    return base


def _holds_range(node: Any, base: Any) -> bool:
    if is_list_form(node):
        return True
    if is_typed(node) or (is_choices(node) and not isinstance(base, list)):
        return not is_typed(node) or node["type"] in ("tuple", "categorical")
    return any(_holds_range(item, child(base, key)) for key, item in children(node))


def _has_range(choice: Any) -> bool:
    if is_typed(choice) or is_list_form(choice):
        return is_list_form(choice) or choice["type"] in TYPES
    return any(_has_range(item) for _key, item in children(choice))


def _merged(base: Any, node: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(node, dict):
        return node
    return {**base, **{key: _merged(base.get(key), item) for key, item in node.items()}}


def bare(space: Any) -> Any:
    """Return a space without the `+` of its keys, each range a leaf."""
    if is_list_form(space) or (is_typed(space) and space["type"] in TYPES):
        return None
    if isinstance(space, dict):
        return {name_of(key): bare(item) for key, item in space.items()}
    return [bare(item) for item in space] if isinstance(space, list) else space
