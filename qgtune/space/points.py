"""Points of a search space: the base settings, those that the user names, and how many there are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.conditions import in_words
from qgtune.space.counting import values_of
from qgtune.space.paths import MISSING, Parts, children, format_path, parse_path
from qgtune.space.reading.build import read_or_missing
from qgtune.space.stored import is_same, to_stored
from qgtune.space.wording import words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter, SearchSpace


def base_value(config: DictConfig, item: Hyperparameter) -> Any:
    """Return what the base settings hold for a hyperparameter; `MISSING` for nothing."""
    there = read_or_missing(config, item.length_of or item.path)
    if not item.length_of:
        return there
    return len(there) if isinstance(there, list) else MISSING


def base_point(space: SearchSpace, config: DictConfig) -> tuple[dict[str, Any], list[str]]:
    """Read a point off the base settings.

    Args:
        space: a search space.
        config: the base settings.

    Returns:
        The values as the study stores them, by path; and the paths whose base value the space does not hold, each with
        the reason. The point can be run when there are none; what a branch adds to the base settings is left out of it.
    """
    point: dict[str, Any] = {}
    values: dict[str, Any] = {}
    outside: list[str] = []
    for path in space.hyperparameters:
        if (item := space.live(path, values)) is None:
            continue
        there = base_value(config, item)
        if there is MISSING:
            if not (item.add and item.when):
                outside.append(f"{path} has no base value")
            continue
        try:
            point[path] = item.encode(there)
            values[path] = item.decode(point[path])
        except ValueError:
            outside.append(f"{path}={there!r} is not {words(item.distribution)}")
    return point, outside


def base_values(space: SearchSpace, config: DictConfig) -> dict[str, Any]:
    """Return the base settings' values for what is asked for there, by path, whether or not the space holds them."""
    values: dict[str, Any] = {}
    for path in space.hyperparameters:
        if (item := space.live(path, values)) is None:
            continue
        if (there := base_value(config, item)) is not MISSING:
            values[path] = item.decode(item.encode(there)) if item.takes(there) else there
    return values


def widened(item: Hyperparameter, values: Sequence[Any]) -> Hyperparameter:
    """Return a hyperparameter that takes these values of the config, too, as far as its kind can."""
    missing = [value for value in values if not any(one.takes(value) for one in item.all())]
    wider, *variants = (replace(one, **_wider(one, missing)) for one in item.all())
    return replace(wider, variants=tuple(variants))


def _wider(item: Hyperparameter, values: Sequence[Any]) -> dict[str, Any]:
    """Return what has to change in a hyperparameter so that it takes more values."""
    if isinstance(item.distribution, CategoricalDistribution):
        more = [value for index, value in enumerate(values) if not any(is_same(value, one) for one in values[:index])]
        stored = [*item.distribution.choices, *map(to_stored, more)]
        return {"choices": (*item.choices, *more), "distribution": CategoricalDistribution(stored)} if more else {}
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if not numbers or not isinstance(item.distribution, (FloatDistribution, IntDistribution)):
        return {}
    low, high = min(item.distribution.low, *numbers), max(item.distribution.high, *numbers)
    log = item.distribution.log and low > 0
    is_int = isinstance(item.distribution, IntDistribution) and all(number == int(number) for number in numbers)
    made = IntDistribution(int(low), int(high), log=log) if is_int else FloatDistribution(low, high, log=log)
    return {"distribution": made}


def leaves_of(point: Any, known: Collection[str]) -> dict[str, Any]:
    """Return the values of a point by path; it may be nested in the shape of the config."""
    return dict(_leaves(point, (), known))


def given_point(hyperparameters: Mapping[str, Hyperparameter], given: Any, source: str) -> dict[str, Any]:
    """Read a point that the user named; it may leave hyperparameters to the sampler.

    Args:
        hyperparameters: by path.
        given: config values by path, or nested in the shape of the config.
        source: where it was written, for errors.

    Returns:
        The values as the study stores them, by path.

    Raises:
        QGTuneError: with every path that is no hyperparameter, and every value that the space does not hold.
    """
    point, values = encoded(hyperparameters, given, source, "enqueue")
    if problems := list(_not_live(hyperparameters, values, source)):
        raise QGTuneError(*problems)
    return point


def encoded(
    hyperparameters: Mapping[str, Hyperparameter], given: Any, source: str, verb: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read values that the user named.

    Args:
        hyperparameters: by path.
        given: config values by path, or nested in the shape of the config.
        source: where it was written, for errors.
        verb: what cannot be done with them, for errors.

    Returns:
        The values as the study stores them, and as the config holds them, by path.

    Raises:
        QGTuneError: with every path that is no hyperparameter, and every value that the space does not hold.
    """
    if not isinstance(given, dict) or not given:
        raise QGTuneError(f"Cannot {verb} {given!r} ({source}): it is no mapping of paths to values.")
    point: dict[str, Any] = {}
    values: dict[str, Any] = {}
    problems: list[str] = []
    for path, value in _leaves(given, (), hyperparameters):
        if path not in hyperparameters:
            hint = did_you_mean(path, hyperparameters)
            problems.append(f"Cannot {verb} {path}={value!r} ({source}): it is not tuned.{hint}")
            continue
        items = hyperparameters[path].all()
        fitting = [item for item in items if item.takes(value)]
        if not fitting:
            texts = " or ".join(words(item.distribution) for item in items)
            problems.append(f"Cannot {verb} {path}={value!r} ({source}): it is not {texts}.")
            continue
        point[path] = fitting[0].encode(value)
        values[path] = value
    if problems:
        raise QGTuneError(*problems)
    return point, values


def _not_live(known: Mapping[str, Hyperparameter], values: Mapping[str, Any], source: str) -> Iterator[str]:
    """Name each value of a point that is not asked for beside the others."""
    for path, value in values.items():
        items = [item for item in known[path].all() if item.takes(value)]
        ways = [[one for one in item.when if not one.holds(values.get(one.path, MISSING))] for item in items]
        if not all(ways):
            continue
        wanting = min(ways, key=len)
        head = f"Cannot enqueue {path}={value!r} ({source}): it is asked for only when {in_words(tuple(wanting))}."
        is_given = any(one.path in values for one in wanting)
        yield f"{head} Drop one of the two." if is_given else f"{head} Give that, too."


def _leaves(given: Any, prefix: Parts, known: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Yield values by path; a mapping or a list that is no choice of a hyperparameter is structure."""
    path = format_path(prefix)
    if path in known or not isinstance(given, (dict, list)):
        yield path, given
        return
    for key, value in children(given):
        yield from _leaves(value, (*prefix, *_parts(key)), known)


def _parts(key: Any) -> Parts:
    return parse_path(key) if isinstance(key, str) else (key,)


def all_points(space: SearchSpace, known: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the values of the config of every point of a space that can be counted."""
    values = dict(known or {})
    left = [path for path in space.hyperparameters if path not in values]
    item = next((item for path in left if (item := space.live(path, values)) is not None), None)
    if item is None:
        yield values
        return
    for stored in values_of(item.distribution) or ():
        yield from all_points(space, {**values, item.path: item.decode(stored)})


def n_points(space: SearchSpace) -> int | None:
    """Return how many points there are; None when a range is continuous."""
    return _count(space, tuple(space.hyperparameters), {})


def _count(space: SearchSpace, paths: Sequence[str], known: Mapping[str, Any]) -> int | None:
    """Count the points of some hyperparameters; those that their conditions name are among them, or known."""
    total = 1
    for group in _groups(space, paths, known):
        found = _count_group(space, group, known)
        if found is None:
            return None
        total *= found
    return total


def _count_group(space: SearchSpace, group: Sequence[str], known: Mapping[str, Any]) -> int | None:
    first, rest = group[0], group[1:]  # the first one's conditions are known: it stands before what it decides on
    item = space.live(first, known)
    if item is None:
        return _count(space, rest, {**known, first: space.hyperparameters[first].otherwise})
    values = values_of(item.distribution)
    if values is None:
        return None
    named = {
        item.encode(value): value
        for path in rest
        for one in space.hyperparameters[path].all()
        for condition in one.when
        if condition.path == first
        for value in condition.values
        if item.takes(value)
    }
    left = len(values) - len(named)
    counts = [_count(space, rest, {**known, first: value}) for value in named.values()]
    counts += [1 if left == 0 or not rest else _count(space, rest, {**known, first: MISSING})]
    if None in counts:
        return None
    *each, other = (count or 0 for count in counts)
    return sum(each) + left * other


def _groups(space: SearchSpace, paths: Sequence[str], known: Mapping[str, Any]) -> list[list[str]]:
    """Divide hyperparameters into groups that have no conditions on each other; each in the space's order."""
    group_of: dict[str, list[str]] = {}
    for path in paths:
        mine = [path]
        for item in space.hyperparameters[path].all():
            for condition in item.when:
                theirs = group_of.get(condition.path)
                if condition.path in known or theirs is None or theirs is mine:
                    continue
                theirs += mine
                mine = theirs
                group_of.update(dict.fromkeys(mine, mine))
        group_of[path] = mine
    return list({id(group): group for group in group_of.values()}.values())
