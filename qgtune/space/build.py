"""Building a search space from its YAML, and checking it against the settings that it is for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space import dependencies as deps
from qgtune.space.model import Hyperparameter, SearchSpace, assign, categorical, plain
from qgtune.space.nodes import TYPES, NodeError, is_choices, is_typed, range_of
from qgtune.space.paths import MISSING, Parts, all_paths, child, format_path, is_within, parse_path, select, suggestions

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


@dataclass(slots=True)
class _Walk:
    """One pass over a space, beside the base settings and the dependency mapping."""

    base: Any
    source: str
    skipped: Sequence[Parts]
    tuned: Sequence[Parts] | None
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
        elif is_choices(node) and not isinstance(base, list) and not _sets_element(dependencies):
            self._try(name, lambda: categorical(name, node, self.source, add=add))
        elif is_typed(node) and not is_typed(base):
            hint = did_you_mean(node["type"], TYPES)
            self._fail(name, f"its type {node['type']!r} is unknown. Give one of {', '.join(TYPES)}.{hint}")
        elif isinstance(node, list):
            self._list(node, base, dependencies, path)
        elif isinstance(node, dict):
            self._mapping(node, base, dependencies, path)
        else:
            self._constant(path, node)

    def _typed(self, node: Mapping[str, Any], name: str, path: Parts, *, add: bool) -> None:
        value = node["value"]
        if node["type"] == "fixed":
            self._constant(path, value)
        elif node["type"] == "tuple":
            self._try(name, lambda: self._range(name, value, add=add))
        elif not isinstance(value, list):
            self._fail(name, f"a categorical needs a list of choices, not {value!r}.")
        else:
            self._try(name, lambda: categorical(name, value, self.source, add=add))

    def _range(self, name: str, value: Any, *, add: bool) -> Hyperparameter:
        try:
            distribution, notice = range_of(value)
        except NodeError as error:
            raise QGTuneError(f"Cannot use {name} of {self.source}: {error}.") from None
        if notice:
            self.notices.append(f"{name} of {self.source}: {notice}.")
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
            self._constant(path, self._skeleton(node))
            base = []
        if base or any(isinstance(item, (list, dict)) for item in node):
            inner = base or [MISSING] * len(node)
            for index, item in enumerate(node):
                self._below(item, inner[index], child(dependencies, index), (*path, index))

    def _mapping(self, node: dict[Any, Any], base: Any, dependencies: Any, path: Parts) -> None:
        replaces = path and not isinstance(base, dict) and base is not MISSING
        if replaces and not (base is None or (isinstance(base, str) and ("${" in base or base == "???"))):
            self._fail(format_path(path), f"the base settings hold {base!r} there, not a mapping.")
            return
        if replaces:
            self._constant(path, self._skeleton(node))
            base = MISSING
        for key, item in node.items():
            add = isinstance(key, str) and key.startswith("+")
            bare = key.lstrip("+") if isinstance(key, str) else key
            inner = child(base, bare)
            if inner is MISSING and base is not MISSING and not add:
                self._missing((*path, bare))
            else:
                self._below(item, inner, child(dependencies, bare), (*path, bare), add=add)

    def _below(self, node: Any, base: Any, dependencies: Any, path: Parts, *, add: bool = False) -> None:
        """Read a node; what lies below a place that was replaced or added whole is there already, but for ranges."""
        if base is MISSING and not add and not self._is_range(node, dependencies):
            if isinstance(node, dict):
                self._mapping(node, MISSING, dependencies, path)
            elif isinstance(node, list):
                for index, item in enumerate(node):
                    self._below(item, MISSING, child(dependencies, index), (*path, index))
            return
        if base is MISSING and add and isinstance(node, dict) and not is_typed(node):
            self._constant(path, self._skeleton(node))
            self._mapping(node, MISSING, dependencies, path)
            return
        self.node(node, base, dependencies, path, add=add)

    @staticmethod
    def _is_range(node: Any, dependencies: Any) -> bool:
        return is_typed(node) or (is_choices(node) and not _sets_element(dependencies))

    def _skeleton(self, node: Any) -> Any:
        """Return a structure to put in whole; its ranges hold null until they are sampled."""
        if is_typed(node):
            return node["value"] if node["type"] == "fixed" else None
        if isinstance(node, dict):
            return {
                key.lstrip("+") if isinstance(key, str) else key: self._skeleton(item) for key, item in node.items()
            }
        if isinstance(node, list):
            return [self._skeleton(item) if isinstance(item, (dict, list)) else item for item in node]
        return node

    def _constant(self, path: Parts, value: Any) -> None:
        if self._is_tuned(path):
            self.constants[format_path(path)] = value

    def _missing(self, path: Parts) -> None:
        if not self._is_left_out(path):
            hint = suggestions(self.base, path)
            self._fail(format_path(path), f"the base settings have no such path.{hint} Write +{path[-1]} to add it.")

    def _fail(self, name: str, reason: str) -> None:
        self.problems.append(f"Cannot use {name} of {self.source}: {reason}")

    def _is_left_out(self, path: Parts) -> bool:
        return any(is_within(path, skipped) for skipped in self.skipped)

    def _is_tuned(self, path: Parts) -> bool:
        return self.tuned is None or any(is_within(path, top) for top in self.tuned)


def _sets_element(dependencies: Any) -> bool:
    return isinstance(dependencies, list) and any(isinstance(item, str) for item in dependencies)


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
    left_out = [parse_path(path) for path in (*fixed, *(hyperparameter.path for hyperparameter in extra))]
    left_out += [(name,) for name, tuned in (("model", tune_model), ("training", tune_training)) if not tuned]
    walk = _Walk(base, space_source, left_out, None if tune is None else [parse_path(path) for path in tune])
    if space is not None and not isinstance(space, dict):
        raise QGTuneError(f"Cannot read the search space of {space_source}: it is no mapping.")
    if base is None:
        _walk_alone(walk, space or {}, dependencies)
    else:
        walk._mapping(space or {}, base, dependencies or {}, ())  # noqa: SLF001 - the root is no node
    _check_tune(walk, tune, space)
    _add_extra(walk, extra)
    settings = _settings(walk)
    reader = deps.Reader(settings, dependencies_source)
    found = reader.read(dependencies)
    kept = _settle_conflicts(walk, reader, found, fixed, extra)
    if walk.problems or reader.problems:
        raise QGTuneError(*walk.problems, *reader.problems)
    return SearchSpace(walk.hyperparameters, walk.constants, kept, tuple(dict.fromkeys(walk.notices)))


def _walk_alone(walk: _Walk, space: dict[Any, Any], dependencies: Any) -> None:
    """Read a space without base settings: every path in it is taken for granted."""
    for key, item in space.items():
        bare = key.lstrip("+") if isinstance(key, str) else key
        walk.constants[format_path((bare,))] = walk._skeleton(item)  # noqa: SLF001 - one module
        walk._below(item, MISSING, child(dependencies, bare), (bare,))  # noqa: SLF001 - one module


def _check_tune(walk: _Walk, tune: Sequence[str] | None, space: Any) -> None:
    for path in tune or ():
        if select(space, parse_path(path)) is MISSING:
            hint = did_you_mean(path, all_paths(space))
            walk.problems.append(f"Cannot tune {path!r}: the search space of {walk.source} has no such path.{hint}")


def _add_extra(walk: _Walk, extra: Sequence[Hyperparameter]) -> None:
    for hyperparameter in extra:
        path = parse_path(hyperparameter.path)
        if not hyperparameter.add and walk.base is not None and select(walk.base, path) is MISSING:
            hint = suggestions(walk.base, path)
            walk.problems.append(
                f"Cannot use {hyperparameter.path} of {hyperparameter.source}: the base settings have no such "
                f"path.{hint} Write +{hyperparameter.path} to add it."
            )
        walk.hyperparameters[hyperparameter.path] = hyperparameter


def _settings(walk: _Walk) -> Any:
    """Return the base settings as plain data with constants in place, and nulls where paths are added."""
    config = OmegaConf.create({} if walk.base is None else walk.base)
    for path, value in walk.constants.items():
        assign(config, parse_path(path), value)
    for path in walk.hyperparameters:
        if select(plain(config), parse_path(path)) is MISSING:
            assign(config, parse_path(path), None)
    return plain(config)


def _settle_conflicts(
    walk: _Walk,
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
            path = parse_path(hyperparameter.path)
            if is_within(parse_path(target), path) or is_within(path, parse_path(target)):
                reader.problems.append(
                    f"Cannot let {target} follow {dependency.text!r} ({dependency.source}): it is also tuned, in "
                    f"{hyperparameter.source}. Take it out of one of the two."
                )
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
    problems = [problem for item in space.hyperparameters.values() for problem in _refused(prepared, item)]
    if not problems:
        sample = {path: item.extremes()[0] for path, item in space.hyperparameters.items()}
        space.inject(prepared, sample)
        problems = _unresolved(space, prepared)
    if problems:
        raise QGTuneError(*problems)


def _refused(config: DictConfig, hyperparameter: Hyperparameter) -> list[str]:
    problems: list[str] = []
    for value in hyperparameter.extremes():
        try:
            with flag_override(config, ["struct", "readonly"], [False, False]):
                assign(config, parse_path(hyperparameter.path), value)
        except (OmegaConfBaseException, KeyError, IndexError, TypeError, ValueError) as error:
            problems.append(f"Cannot set {hyperparameter.path} to {value!r} ({hyperparameter.source}): {_first(error)}")
    return problems


def _unresolved(space: SearchSpace, config: DictConfig) -> list[str]:
    problems: list[str] = []
    for target, dependency in space.dependencies.items():
        try:
            read(config, target)
        except (OmegaConfBaseException, QGTuneError) as error:
            problems.append(f"Cannot let {target} follow {dependency.text!r} ({dependency.source}): {_first(error)}")
    return problems


def read(config: DictConfig, path: str) -> Any:
    """Return the resolved value at a path of a config, containers as plain data."""
    node: Any = config
    for part in parse_path(path):
        node = node[part] if not isinstance(node, DictConfig) or part in node else node[str(part)]
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def _first(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


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
    reader = deps.Reader(plain(config), source)
    found = reader.read(dependencies)
    if reader.problems:
        raise QGTuneError(*reader.problems)
    kept, dropped = deps.without(found, [parse_path(path) for path in fixed])
    space = SearchSpace({}, {}, kept)
    given = {dependency.target: read(config, dependency.target) for dependency in dropped}
    with flag_override(config, ["struct", "readonly"], [False, False]):
        for dependency in kept.values():
            assign(config, parse_path(dependency.target), dependency.expression)
    if problems := _unresolved(space, config):
        raise QGTuneError(*problems)
    everything = SearchSpace({}, {}, found).prepare(config) if dropped else config
    return [
        f"{target} was set on the command line: it does not follow {found[target].text!r} ({source})."
        for target, value in given.items()
        if read(everything, target) != value
    ]
