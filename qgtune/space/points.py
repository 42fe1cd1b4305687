"""Points of a search space: the base settings, those that the user names, and how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.conditions import in_words
from qgtune.space.counting import values_of
from qgtune.space.paths import MISSING, Parts, format_path, parse_path
from qgtune.space.reading.build import REFUSALS, read
from qgtune.space.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter, SearchSpace


def value_at(config: DictConfig, path: str) -> Any:
    """Return the resolved value at a path of a config.

    Raises:
        LookupError: when there is none, it is missing (`???`), or it does not resolve.
    """
    try:
        return read(config, path)
    except (*REFUSALS, QGTuneError, RecursionError) as error:
        raise LookupError(path) from error


def base_value(config: DictConfig, item: Hyperparameter) -> Any:
    """Return what the base settings hold for a hyperparameter.

    Raises:
        LookupError: when they hold nothing.
    """
    if not item.length_of:
        return value_at(config, item.path)
    there = value_at(config, item.length_of)
    if not isinstance(there, list):
        raise LookupError(item.length_of)
    return len(there)


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
        try:
            there = base_value(config, item)
            point[path] = item.encode(there)
            values[path] = item.decode(point[path])
        except LookupError:
            if not (item.add and item.when):
                outside.append(f"{path} has no base value")
        except ValueError:
            outside.append(f"{path}={there!r} is not {words(item.distribution)}")
    return point, outside


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


def _leaves(given: Any, prefix: Parts, known: Mapping[str, Hyperparameter]) -> Iterator[tuple[str, Any]]:
    """Yield values by path; a mapping or a list that is no choice of a hyperparameter is structure."""
    path = format_path(prefix)
    if path in known or not isinstance(given, (dict, list)):
        yield path, given
        return
    for key, value in given.items() if isinstance(given, dict) else enumerate(given):
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
