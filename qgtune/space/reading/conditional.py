"""What exists only under conditions: settling what is known of them before the first trial, and examples of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qgtune.errors import Located
from qgtune.space.conditions import Condition, Conditions, Sometimes
from qgtune.space.counting import values_of
from qgtune.space.paths import MISSING, overlap, parse_path, select, suggestions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from qgtune.space.model import Hyperparameter, SearchSpace

MANY_VALUES = 16  # a range with more is tried at its ends


@dataclass(slots=True)
class Settling:
    """Takes out the conditions on what is not sampled, and puts the others in order.

    Attributes:
        hyperparameters: by path.
        value_of: returns the settings' value at a path; `MISSING` for none.
        problems: what is wrong.
    """

    hyperparameters: dict[str, Hyperparameter]
    value_of: Callable[[str], Any]
    problems: list[str]

    def settle(self) -> dict[str, Hyperparameter]:
        """Return the hyperparameters that some trial may ask for, each after those that its conditions name."""
        while True:
            settled = {path: left for path, item in self.hyperparameters.items() if (left := self._left(item))}
            if settled == self.hyperparameters:
                return self._in_order()
            self.hyperparameters = settled

    def _left(self, first: Hyperparameter) -> Hyperparameter | None:
        items = [
            replace(item, when=when, variants=())
            for item in first.all()
            if (when := self.simplified(item.when)) is not None
        ]
        return replace(items[0], variants=tuple(items[1:])) if items else None

    def simplified(self, conditions: Conditions) -> Conditions | None:
        """Return those conditions that a trial decides; None if one never holds."""
        open_: list[Condition] = []
        for condition in conditions:
            if condition.path in self.hyperparameters:
                if not _holds_always(condition, self.hyperparameters[condition.path]):
                    open_.append(condition)
            elif not condition.holds(self.value_of(condition.path)):
                return None
        return tuple(dict.fromkeys(open_))

    def _in_order(self) -> dict[str, Hyperparameter]:
        placed: dict[str, Hyperparameter] = {}
        for path in self.hyperparameters:
            self._place(path, placed, ())
        return placed

    def _place(self, path: str, placed: dict[str, Hyperparameter], trail: tuple[str, ...]) -> None:
        if path in trail:
            cycle = " -> ".join((*trail[trail.index(path) :], path))
            source = self.hyperparameters[path].source
            text = f"Cannot use {path} of {source}: its conditions form a cycle: {cycle}. Break it."
            self.problems.append(Located(text, path, source))
            return
        if path in placed:
            return
        for item in self.hyperparameters[path].all():
            for condition in item.when:
                self._place(condition.path, placed, (*trail, path))
        placed.setdefault(path, self.hyperparameters[path])


def _holds_always(condition: Condition, parent: Hyperparameter) -> bool:
    values = values_of(parent.distribution)
    if parent.when or parent.variants or values is None or len(values) > len(condition.values):
        return False
    return all(condition.holds(parent.decode(value)) for value in values)


def sometimes(
    settling: Settling,
    branched: Sequence[tuple[str, Any, Conditions]],
    ways: Mapping[str, Sequence[Conditions]],
    lengths: Mapping[str, str],
    kept: Collection[str],
) -> Sometimes:
    """Return what else exists only under conditions.

    Args:
        settling: with its hyperparameters settled.
        branched: path, value and conditions of constants.
        ways: the conditions under which each path of a branch is there.
        lengths: the hyperparameter that is a list's length, by the list's path.
        kept: paths that are there in any case.
    """
    constants = [
        (path, value, when) for path, value, given in branched if (when := settling.simplified(given)) is not None
    ]
    places: dict[str, tuple[Conditions, ...]] = {}
    for path in sorted(ways, key=lambda path: -len(parse_path(path))):
        left = tuple(when for given in ways[path] if (when := settling.simplified(given)) is not None)
        if () not in left and path not in kept:
            places[path] = left
    known = {path: name for path, name in lengths.items() if name in settling.hyperparameters}
    return Sometimes(tuple(constants), places, known)


def examples(space: SearchSpace, followed: Sequence[Hyperparameter]) -> Iterator[dict[str, Any]]:
    """Yield values of trials in which each option and each length that something depends on is there.

    Args:
        space: a search space.
        followed: hyperparameters each of whose ends or choices is there once, too, where it is live.
    """
    named = dict.fromkeys(condition.path for conditions in _all_conditions(space) for condition in conditions)
    wanted: list[dict[str, Any]] = [{}]
    for path in named:
        for item in space.hyperparameters[path].all():
            values = values_of(item.distribution) or ()
            if len(values) > MANY_VALUES and not item.choices:
                values = [values[0], values[1], values[-2], values[-1]]
            wanted += [_demanded(space, item, item.decode(value)) for value in values]
    n_ends = max((len(item.extremes()) for item in followed), default=1)
    for number in range(max(len(wanted), n_ends)):
        ends = {item.path: item.extremes()[number % len(item.extremes())] for item in followed}
        yield example(space, {**ends, **wanted[number % len(wanted)]})


def example(space: SearchSpace, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a trial: the first of each live hyperparameter, but for those that are wanted."""
    values: dict[str, Any] = {}
    for path in space.hyperparameters:
        if (item := space.live(path, values)) is not None:
            value = wanted.get(path, item.extremes()[0])
            values[path] = value if item.takes(value) else item.extremes()[0]
    return values


def _demanded(space: SearchSpace, item: Hyperparameter, value: Any) -> dict[str, Any]:
    wanted = {item.path: value}
    for condition in item.when:
        for parent in space.hyperparameters[condition.path].all():
            there = [one for one in condition.values if parent.takes(one)]
            if there:
                wanted = {**_demanded(space, parent, there[0]), **wanted}
                break
    return wanted


def _all_conditions(space: SearchSpace) -> Iterator[Conditions]:
    for item in space.items:
        yield item.when
    for _path, _value, when in space.sometimes.constants:
        yield when
    for ways in space.sometimes.places.values():
        yield from ways


def misplaced(hyperparameters: Mapping[str, Hyperparameter], targets: Mapping[str, Any], settings: Any) -> list[str]:
    """Name the conditions on paths that nothing decides before the values are there, or that do not exist.

    Args:
        hyperparameters: by path, before they are settled.
        targets: the dependencies by target.
        settings: plain data; `select` on it says what exists.
    """
    problems: dict[str, None] = {}
    for first in hyperparameters.values():
        for item in first.all():
            for condition in item.when:
                path = parse_path(condition.path)
                following = next((t for t in targets if overlap(parse_path(t), path)), None)
                if condition.path in hyperparameters:
                    continue
                head = f"Cannot use {item.path} of {item.source}: its condition names {condition.path}, "
                if following is not None:
                    text = f"{head}which follows {targets[following].text!r}. Name that."
                elif select(settings, path) is MISSING:
                    text = f"{head}which the base settings do not have.{suggestions(settings, path)}"
                else:
                    continue
                problems[Located(text, item.path, item.source)] = None
    return list(problems)
