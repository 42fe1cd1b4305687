"""Building a search space from its YAML, and checking it against the settings that it is for."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import Located, QGTuneError, did_you_mean, first_line
from qgtune.space.dependencies import mapping as deps
from qgtune.space.dependencies.resolvers import resolved
from qgtune.space.editing import assign, has_path, plain
from qgtune.space.model import Hyperparameter, SearchSpace
from qgtune.space.paths import (
    MISSING,
    adding,
    all_paths,
    child,
    dead_end,
    format_path,
    is_nameable,
    is_within,
    normalise,
    overlap,
    parse_path,
    select,
)
from qgtune.space.reading.collected import name_of
from qgtune.space.reading.conditional import Settling, example, examples, misplaced, sometimes
from qgtune.space.reading.walk import Walk, bare

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from qgtune.space.model import Dependency

IN_JOBS_ONLY = "HydraConfig was not set"  # what `${hydra:…}` raises outside of one
# What OmegaConf and plain containers raise for a value or a place that does not fit, and for what does not resolve.
_REFUSALS = (OmegaConfBaseException, KeyError, IndexError, TypeError, ValueError)
_UNREADABLE = (*_REFUSALS, QGTuneError, RecursionError)


def build_space(  # noqa: PLR0913 - the one entry point; all but three are keywords
    space: Any,
    base: Any,
    dependencies: Any = None,
    *,
    tune: Sequence[str] | None = None,
    tune_model: bool = True,
    tune_training: bool = True,
    fixed: Collection[str] = (),
    extra: Sequence[Hyperparameter] = (),
    space_source: str = "hydra.sweeper.search_space",
    dependencies_source: str = "hydra.sweeper.dependencies",
) -> SearchSpace:
    """Read a search space.

    Args:
        space: the space as plain data; None for one that holds `extra` alone.
        base: the base settings as plain data, interpolations as text; None when there are none: then every path of the
            space is taken for granted.
        dependencies: the dependency mapping as plain data.
        tune: paths to tune; what lies elsewhere keeps its base value. None tunes all.
        tune_model: false is short for leaving out `model`.
        tune_training: false is short for leaving out `training`.
        fixed: paths that the command line set; the space leaves them alone.
        extra: hyperparameters of the command line; each replaces what the space says of its path.
        space_source: where the space was written, for errors.
        dependencies_source: where the dependencies were written, for errors.

    Raises:
        QGTuneError: with every problem of the space and the dependencies.
    """
    held = [normalise(base, parse_path(path)) for path in fixed]
    left_out = [*held, *(parse_path(hyperparameter.path) for hyperparameter in extra)]
    left_out += [(name,) for name, tuned in (("model", tune_model), ("training", tune_training)) if not tuned]
    if space is not None and not isinstance(space, dict):
        raise QGTuneError(
            Located(f"Cannot read the search space of {space_source}: it is no mapping.", "", space_source)
        )
    tuned = None if tune is None else [normalise(bare(space), parse_path(path)) for path in tune]
    walk = Walk(base, space_source, left_out, tuned, held)
    if base is None:
        _walk_alone(walk, space or {}, dependencies)
    else:
        walk.mapping(space or {}, base, dependencies or {}, ())
    _check_tune(walk, tune, bare(space), extra)
    _add_extra(walk, extra)
    walk.refuse_lost()
    settings = _settings(walk)
    reader = deps.Reader(settings, dependencies_source, held)
    found = reader.read(dependencies)
    kept = _settle_conflicts(walk, reader, found, fixed, extra)
    walk.problems += misplaced(walk.hyperparameters, kept, settings)
    if walk.problems or reader.problems:
        raise QGTuneError(*walk.problems, *reader.problems)
    return _settled(walk, settings, kept, [format_path(path) for path in held])


def _settled(walk: Walk, settings: Any, dependencies: dict[str, Dependency], held: Sequence[str]) -> SearchSpace:
    """Return the space whose conditions are those that a trial decides."""
    config = OmegaConf.create(settings)
    settling = Settling(walk.hyperparameters, lambda path: read_or_missing(config, path), walk.problems)
    found = settling.settle()
    if walk.problems:
        raise QGTuneError(*walk.problems)
    more = sometimes(
        settling, walk.branched, walk.ways, walk.lengths, {*walk.constants.keys() - walk.lengths.keys(), *held}
    )
    base = OmegaConf.create({} if walk.base is None else walk.base)
    for path, item in found.items():
        if all(one.when for one in item.all()) and path not in more.places:
            found[path] = replace(item, otherwise=read_or_missing(base, path))
    return SearchSpace(found, walk.constants, dependencies, tuple(dict.fromkeys(walk.notices)), more)


def _walk_alone(walk: Walk, space: dict[Any, Any], dependencies: Any) -> None:
    """Read a space without base settings: every path in it is taken for granted."""
    walk.refuse_twice(space, ())
    for key, item in space.items():
        name = name_of(key)
        if not is_nameable(name):
            walk.fail("the top level", f"its key {key!r} cannot be part of a path. Rename it.")
            continue
        walk.constant((name,), walk.skeleton(item))
        walk.below(item, MISSING, child(dependencies, name), (name,))


def _check_tune(walk: Walk, tune: Sequence[str] | None, space: Any, extra: Sequence[Hyperparameter]) -> None:
    for path in tune or ():
        parts = parse_path(path)
        if any(overlap(parts, parse_path(hyperparameter.path)) for hyperparameter in extra):
            continue
        inside = any(is_within(parse_path(known), parts) for known in walk.hyperparameters)
        if select(space, parts) is MISSING and not inside:
            hint = did_you_mean(path, all_paths(space))
            walk.problems.append(f"Cannot tune {path!r}: the search space of {walk.source} has no such path.{hint}")


def _add_extra(walk: Walk, extra: Sequence[Hyperparameter]) -> None:
    for hyperparameter in extra:
        path = parse_path(hyperparameter.path)
        walk.follow(path)
        if walk.base is not None and select(walk.base, path) is MISSING:
            put_in = (*walk.constants, *walk.hyperparameters)
            wrong = "" if any(is_within(path, parse_path(top)) for top in put_in) else dead_end(walk.base, path)
            if not hyperparameter.add:
                wrong = f"the base settings have no such path{f': {wrong}' if wrong else f'.{adding(walk.base, path)}'}"
            if wrong:
                walk.problems.append(f"Cannot use {hyperparameter.path} of {hyperparameter.source}: {wrong}")
        walk.hyperparameters.pop(hyperparameter.path, None)
        for when in dict.fromkeys(walk.skipped_when.get(hyperparameter.path, [()])):
            walk.add(replace(hyperparameter, when=when))


def _settings(walk: Walk) -> Any:
    """Return the base settings as plain data with constants in place, and nulls where paths are added."""
    config = OmegaConf.create({} if walk.base is None else walk.base)
    for path, value in walk.constants.items():
        _try_assign(walk, config, path, value)
    for path, value, _when in walk.branched:
        if select(plain(config), parse_path(path)) is MISSING:
            _try_assign(walk, config, path, value)
    inside = {
        path: next((choice for choice in hyperparameter.choices if isinstance(choice, (dict, list))), None)
        for path, hyperparameter in walk.hyperparameters.items()
        if not hyperparameter.length_of
    }
    for path, choice in inside.items():
        if choice is not None:
            _try_assign(walk, config, path, choice)
    settings = plain(config)
    for path in inside:
        if select(settings, parse_path(path)) is MISSING:
            _try_assign(walk, config, path, None)
    return plain(config)


def _try_assign(walk: Walk, config: DictConfig, path: str, value: Any) -> None:
    try:
        assign(config, parse_path(path), value)
    except _REFUSALS as error:
        if not walk.problems:  # as when one path was given twice
            source = walk.hyperparameters[path].source if path in walk.hyperparameters else walk.source
            reason = f"the settings do not take it: {_first(error)}. Give a value that a config can hold there."
            walk.problems.append(Located(f"Cannot use {path} of {source}: {reason}", path, source))


def _settle_conflicts(
    walk: Walk,
    reader: deps.Reader,
    found: Mapping[str, Any],
    fixed: Collection[str],
    extra: Sequence[Hyperparameter],
) -> dict[str, Any]:
    given = [parse_path(path) for path in (*fixed, *(hyperparameter.path for hyperparameter in extra))]
    kept, dropped = deps.without(found, given)
    walk.notices += [
        f"{dependency.target} was set on the command line: it does not follow {dependency.text!r} "
        f"({dependency.source})."
        for dependency in dropped
    ]
    for target, dependency in kept.items():
        for hyperparameter in walk.hyperparameters.values():
            if overlap(parse_path(target), parse_path(hyperparameter.path)):
                problem = (
                    f"Cannot let {target} follow {dependency.text!r} ({dependency.source}): it is also tuned, in "
                    f"{hyperparameter.source}. Take it out of one of the two."
                )
                reader.problems.append(Located(problem, target, dependency.source))
    return kept


def check_space(space: SearchSpace, config: DictConfig) -> None:
    """Try a space on the config that it is for.

    Every choice and both ends of every range are set once, then one full sample is injected and every dependency
    resolved.

    Raises:
        QGTuneError: with each value that the config does not take, and each dependency that does not resolve.
    """
    try:
        prepared = space.prepare(config)
    except OmegaConfBaseException as error:
        raise QGTuneError(f"Cannot put the constants of the search space into the config: {_first(error)}") from None
    tried = [item for item in space.items if not item.length_of]
    problems = [problem for item in tried for problem in _refused(prepared, item)]
    if not problems:
        problems = _untrue_examples(space, prepared) if space.is_conditional else _untrue(space, prepared)
    if problems:
        raise QGTuneError(*dict.fromkeys(problems))


def _untrue_examples(space: SearchSpace, prepared: DictConfig) -> list[str]:
    """Resolve the dependencies of each branch and each length."""
    problems: list[str] = []
    for values in examples(space, [item for item in space.items if _followers(space, item)]):
        tried = copy.deepcopy(prepared)
        try:
            space.inject(tried, values)
        except _REFUSALS as error:
            problems.append(f"Cannot put {_chosen(space, values)} into the config: {_first(error)}")
            continue
        found = _unresolved(space.dependencies, tried)
        problems += [Located(f"With {_chosen(space, values)}: {text}", *_place_of(text)) for text in found]
    return problems


def _chosen(space: SearchSpace, values: Mapping[str, Any]) -> str:
    named = {condition.path for item in space.items for condition in item.when}
    return ", ".join(f"{path}={value}" for path, value in values.items() if path in named)


def _place_of(text: str) -> tuple[str, str]:
    return (text.path, text.source) if isinstance(text, Located) else ("", "")


def _untrue(space: SearchSpace, prepared: DictConfig) -> list[str]:
    sample = example(space, {})
    sampled = copy.deepcopy(prepared)
    space.inject(sampled, sample)
    problems = _unresolved(space.dependencies, sampled)
    for path, item in space.hyperparameters.items():
        followers = _followers(space, item)
        merges = any(isinstance(value, dict) for value in item.extremes())
        rest = {name: value for name, value in sample.items() if name != path} if merges else {}
        for value in item.extremes()[1:] if followers else ():
            tried = copy.deepcopy(prepared) if merges else sampled
            space.inject(tried, {**rest, path: value})
            problems += _unresolved(followers, tried)
        if followers and not merges:
            space.inject(sampled, {path: sample[path]})
    return problems


def _followers(space: SearchSpace, item: Hyperparameter) -> dict[str, Dependency]:
    """Return what follows a hyperparameter directly."""
    path = parse_path(item.path)
    return {
        target: dependency
        for target, dependency in space.dependencies.items()
        if any(overlap(parse_path(source), path) for source in dependency.sources)
    }


def _refused(config: DictConfig, hyperparameter: Hyperparameter) -> list[str]:
    problems: list[str] = []
    for value in hyperparameter.extremes():
        tried = copy.deepcopy(config) if isinstance(value, dict) else config
        try:
            assign(tried, parse_path(hyperparameter.path), value)
            if isinstance(value, str) and "${" in value:
                read(tried, hyperparameter.path)
        except _UNREADABLE as error:
            if IN_JOBS_ONLY not in str(error):
                problem = f"Cannot set {hyperparameter.path} to {value!r} ({hyperparameter.source}): {_first(error)}"
                problems.append(Located(problem, hyperparameter.path, hyperparameter.source))
    return problems


def _unresolved(dependencies: Mapping[str, Dependency], config: DictConfig) -> list[str]:
    problems: list[str] = []
    for target, dependency in dependencies.items():
        if not has_path(config, target):
            continue
        try:
            read(config, target)
        except _UNREADABLE as error:
            if IN_JOBS_ONLY not in str(error):
                reason = _reason(error, dependencies, config, target)
                problem = f"Cannot let {target} follow {dependency.text!r} ({dependency.source}): {reason}"
                problems.append(Located(problem, target, dependency.source))
    return problems


def _reason(error: BaseException, dependencies: Mapping[str, Dependency], config: DictConfig, target: str) -> str:
    text = _first(error)
    if "follows itself" in text or "ecursi" in text:
        cycle = deps.cycle_through(plain(config), dependencies, target)
        return f"they form a cycle: {' -> '.join(cycle)}. Break it." if cycle else text
    # OmegaConf repeats this prefix for every interpolation on the way.
    return text.replace("QGTuneError raised while resolving interpolation: ", "")


def read(config: DictConfig, path: str) -> Any:
    """Return the resolved value at a path of a config, containers as plain data."""
    node: Any = config
    for part in parse_path(path):
        node = node[part] if not isinstance(node, DictConfig) or part in node else node[str(part)]
    return resolved(node)


def _first(error: BaseException) -> str:
    return first_line(error, type(error).__name__)


def apply_dependencies(
    config: DictConfig,
    dependencies: Any,
    *,
    fixed: Collection[str] = (),
    source: str = "hydra.sweeper.dependencies",
) -> list[str]:
    """Put dependencies into a composed config, in place, for a run without a sweep.

    Args:
        config: the config.
        dependencies: the mapping as plain data.
        fixed: paths that the command line set; a target among them keeps its value.
        source: where the mapping was written.

    Returns:
        A notice for each target that the command line set to another value than the dependency gives.

    Raises:
        QGTuneError: with every problem of the mapping.
    """
    given_paths = [parse_path(path) for path in fixed]
    reader = deps.Reader(plain(config), source, given_paths)
    found = reader.read(dependencies)
    if reader.problems:
        raise QGTuneError(*reader.problems)
    kept, dropped = deps.without(found, given_paths)
    given = {dependency.target: read_or_missing(config, dependency.target) for dependency in dropped}
    for dependency in kept.values():
        assign(config, parse_path(dependency.target), dependency.expression)
    if problems := _unresolved(kept, config):
        raise QGTuneError(*problems)
    everything = SearchSpace({}, {}, found).prepare(config) if dropped else config
    return [
        f"{target} was set on the command line: it does not follow {found[target].text!r} ({source})."
        for target, value in given.items()
        if read_or_missing(everything, target) != value
    ]


def read_or_missing(config: DictConfig, path: str) -> Any:
    """Return the resolved value at a path of a config; `MISSING` for none, for `???`, and for what does not resolve."""
    try:
        return read(config, path)
    except _UNREADABLE:
        return MISSING
