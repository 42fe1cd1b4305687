"""What a pass over a search space has found so far, and where it stands."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import Located, QGTuneError
from qgtune.space.conditions import Condition, Conditions
from qgtune.space.nodes import is_list_form, is_typed
from qgtune.space.paths import (
    MISSING,
    Parts,
    at_index,
    child,
    format_path,
    is_within,
    normalise,
    parse_path,
    replaced,
    select,
    suggestions,
)
from qgtune.space.wording import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qgtune.space.model import Hyperparameter


def name_of(key: Any) -> Any:
    """Return a key of a space without the `+` that says that the base settings lack it."""
    return key.lstrip("+") if isinstance(key, str) else key


@dataclass(slots=True)
class Collected:
    """What one pass over a space has found.

    Attributes:
        base: the base settings, which get a copy of what an interpolation leads to, and as many elements as a list may
            have, where the space goes into them.
        source: where the space was written.
        skipped: paths that are left alone.
        tuned: paths that are tuned; None for all.
        fixed: paths that the command line set.
        hyperparameters: by path.
        constants: by path.
        branched: path, value and conditions of constants inside branches.
        ways: the conditions under which each path of a branch is there.
        lengths: the hyperparameter that is a list's length, by the list's path.
        skipped_when: the conditions of hyperparameters that are left alone.
        problems: what is wrong.
        notices: what to warn of.
        scope: the conditions under which the node is there that is being read.
        is_in_branch: whether one of them is an option's, rather than a length.
        index: which element of a list of tuned length is being read.
    """

    base: Any
    source: str
    skipped: Sequence[Parts]
    tuned: Sequence[Parts] | None
    fixed: Sequence[Parts] = ()
    hyperparameters: dict[str, Hyperparameter] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    branched: list[tuple[str, Any, Conditions]] = field(default_factory=list)
    ways: dict[str, list[Conditions]] = field(default_factory=dict)
    lengths: dict[str, str] = field(default_factory=dict)
    skipped_when: dict[str, list[Conditions]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    scope: Conditions = ()
    is_in_branch: bool = False
    index: int | None = None

    def _conditions(self, name: str, when: Any) -> Conditions:
        """Read the condition beside a range."""
        if when is None:
            return ()
        if not isinstance(when, dict) or not when or not all(isinstance(path, str) for path in when):
            self.fail(name, f"`when` needs a mapping of paths to values, not {when!r}.")
            return ()
        found: list[Condition] = []
        for path, values in when.items():
            try:
                parts = parse_path(path if self.index is None else at_index(path, self.index))
            except QGTuneError as error:
                self.fail(name, f"{error}.")
                continue
            given = values if isinstance(values, list) else [values]
            if not given:
                self.fail(name, f"`when` names no value of {path}. Give at least one.")
            found.append(Condition(format_path(normalise(self.base, parts)), tuple(given)))
        return tuple(found)

    @contextmanager
    def _under(self, condition: Condition, *, is_in_branch: bool = False) -> Iterator[None]:
        before = self.scope, self.is_in_branch
        self.scope, self.is_in_branch = (*self.scope, condition), self.is_in_branch or is_in_branch
        try:
            yield
        finally:
            self.scope, self.is_in_branch = before

    def _name(self, name: str, conditions: Conditions) -> None:
        self.ways.setdefault(name, []).append(conditions)

    def _followed(self, base: Any, path: Parts) -> Any:
        """Return what the base settings hold at a path; an interpolation gives way to a copy of what it leads to."""
        if not isinstance(base, str) or "${" not in base:
            return base
        try:
            there = OmegaConf.select(OmegaConf.create(self.base), format_path(path))
        except (OmegaConfBaseException, QGTuneError, RecursionError):
            return base
        if not OmegaConf.is_config(there):
            return base
        copied = OmegaConf.to_container(there, resolve=False)
        self.constant(path, copied)
        self.base = replaced(self.base, path, copied)
        return copied

    def follow(self, path: Parts) -> None:
        """Let each interpolation on the way to a path give way to a copy of what it leads to."""
        for depth in range(1, len(path)):
            self._followed(select(self.base, path[:depth]), path[:depth])

    def _try(self, name: str, make: Callable[[], Hyperparameter], when: Conditions = (), prior: Any = MISSING) -> None:
        if not self._is_tuned(parse_path(name)):
            return
        try:
            item = make()
        except QGTuneError as error:
            self.problems.extend(error.problems)
            return
        if self.is_in_branch or (item.add and when):
            self._name(name, (*self.scope, *when) if item.add else self.scope)
        if prior is not MISSING and not item.takes(prior):
            self.fail(name, f"its prior {prior!r} is not {words(item.distribution)}.")
        self.add(replace(item, when=(*self.scope, *when), prior=prior))

    def add(self, item: Hyperparameter) -> None:
        """Keep a hyperparameter beside those of its path; the one with the most conditions is asked first."""
        there = self.hyperparameters[item.path].all() if item.path in self.hyperparameters else ()
        if any(other.when == item.when for other in there):
            self.fail(item.path, "it stands there twice under the same conditions. Drop one.")
        items = sorted((*there, item), key=lambda one: -len(one.when))
        alone = [replace(one, variants=()) for one in items]
        self.hyperparameters[item.path] = replace(alone[0], variants=tuple(alone[1:]))

    def refuse_twice(self, node: dict[Any, Any], path: Parts) -> None:
        """Refuse `+width` beside `width`: which of them would hold?"""
        for key in node:
            if key != name_of(key) and name_of(key) in node:
                name = format_path((*path, name_of(key)))
                self.fail(name, f"it stands there twice, as {key!r} and {name_of(key)!r}. Drop one.")

    def skeleton(self, node: Any) -> Any:
        """Return a structure to put in whole; its ranges hold null until they are sampled."""
        if is_list_form(node):
            return []
        if is_typed(node):
            return node["value"] if node["type"] == "fixed" else None
        if isinstance(node, dict):
            return {name_of(key): self.skeleton(item) for key, item in node.items()}
        if isinstance(node, list):
            return [self.skeleton(item) if isinstance(item, (dict, list)) else item for item in node]
        return node

    def constant(self, path: Parts, value: Any) -> None:
        """Keep a constant, if its path is tuned."""
        if not self._is_tuned(path):
            return
        name, value = format_path(path), self._keep_fixed(path, value)
        if self.is_in_branch:
            self._name(name, self.scope)
            self.branched.append((name, value, self.scope))
        else:
            self.constants[name] = value

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
        if str(path[-1]).startswith("~"):
            deletion = f"~{format_path((*path[:-1], str(path[-1])[1:]))}"
            self.fail(format_path(path), f"a search space deletes nothing. Write {deletion} on the command line.")
        elif not self._is_left_out(path):
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
