"""YAML files in, settings of a trial out."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from omegaconf import OmegaConf

from qgtune.errors import QGTuneError
from qgtune.files import write_once
from qgtune.results.recorded import resolve_plain
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.dependencies.where import Where
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.tagged import Apart, laid_over, load_space
from qgtune.space.reading.yaml_files import dump_yaml, load_yaml_file, write_yaml
from qgtune.study.algorithms.drawing import drawn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from omegaconf import DictConfig

    from qgtune.space.model import SearchSpace

File = str | os.PathLike[str]
Stamp = tuple[str, int, int]
T = TypeVar("T")
SETTLED_S = 1.0
"""A file that was written so long ago is whole."""


def as_path(file: Any, description: str) -> Path:
    """Return a path argument as a `Path`.

    Raises:
        TypeError: when it is neither text nor a path.
    """
    if not isinstance(file, (str, os.PathLike)):
        raise TypeError(f"the path of the {description} must be text or a Path, not {type(file).__name__}")
    return Path(file)


def existing(file: File, description: str) -> Path:
    """Return the path of a file that has to be there.

    Raises:
        FileNotFoundError: when it is not; names it and its description.
        TypeError: when `file` is neither text nor a path.
    """
    path = as_path(file, description)
    if not path.is_file():
        raise FileNotFoundError(f"Cannot read the {description}: there is no file {str(path)!r}. Check the path.")
    return path


def load_yaml(file: File, description: str) -> Any:
    """Read a YAML file.

    Args:
        file: the file.
        description: what it is, for errors, as in `search space`.

    Returns:
        Plain Python data. Numbers such as `1e-5` are floats; anchors and aliases are copies.

    Raises:
        FileNotFoundError: when there is no such file; names it and its description.
        QGTuneError: when it is empty or no YAML, or holds a duplicate key or a tag that would build an object.
        TypeError: when `file` is no path.
    """
    path = existing(file, description)
    return _whole(path, lambda: _not_empty(load_yaml_file(path, description), path, description))


def _whole(path: Path, read: Callable[[], T]) -> T:
    """Read a file that another trial may be writing, piece by piece."""
    while True:
        try:
            return read()
        except QGTuneError:
            if time.time() - path.stat().st_mtime > SETTLED_S:
                raise
        time.sleep(SETTLED_S / 10)


def _not_empty(data: Any, path: Path, description: str) -> Any:
    if data is None:
        raise QGTuneError(f"Cannot read the {description} {str(path)!r}: it is empty. Fill it in.")
    return data


def _load_space(path: Path) -> tuple[Any, Any]:
    data, follows = load_space(path)
    return _not_empty(data, path, "search space"), follows


def _load_tagged(path: Path) -> Any:
    return _not_empty(load_yaml_file(path, "config file", tags=True), path, "config file")


def build_search_space_with_dependencies(  # noqa: PLR0913 - the order and names that existing scripts use
    search_space_file: File,
    depmap_file: File | None,
    trial: optuna.trial.BaseTrial,
    tune_model: bool = False,  # noqa: FBT001, FBT002 - the order and names that existing scripts use
    tune_training: bool = True,  # noqa: FBT001, FBT002 - as above
    base_settings_file: File | None = None,
    built_search_space_file: File | None = None,
    *,
    where: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the settings of one trial: the space with sampled values and all dependencies applied.

    Args:
        search_space_file: the search space.
        depmap_file: the dependency mapping; None for none.
        trial: an `optuna.trial.Trial` or `FixedTrial`.
        tune_model: whether the space's `model` section is tuned; if not, the base settings' holds.
        tune_training: the same for `training`.
        base_settings_file: the base settings, needed when one of the two is not tuned. Keys that the space does not
            name come from here, and lists that it holds stay lists.
        built_search_space_file: where the first trial's settings are written, once; None for nowhere.
        where: conditions between values, such as `${qgtune.le:${model.width},${model.limit}}`. A live trial is asked
            again until it satisfies them all; only those values are written.

    Returns:
        Plain Python values.

    Raises:
        FileNotFoundError: when a file is missing.
        QGTuneError: with every problem of the space and the dependencies.
        TypeError: when an argument has the wrong type.
    """
    _check_trial(trial)
    for name, flag in (("tune_model", tune_model), ("tune_training", tune_training)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} must be true or false, not {flag!r}")
    if base_settings_file is None and not (tune_model and tune_training):
        missing = "tune_training" if tune_model else "tune_model"
        raise QGTuneError(f"Cannot leave settings untuned ({missing} is false): base_settings_file is needed. Give it.")
    files = (
        _stamp(search_space_file, "search space"),
        None if depmap_file is None else _stamp(depmap_file, "dependency mapping"),
        None if base_settings_file is None else _stamp(base_settings_file, "base settings"),
    )
    built = _drawn(*_space(*files, tune_model, tune_training), trial, _where(where))
    if built_search_space_file is not None:
        _write_built(as_path(built_search_space_file, "built search space"), built, trial.number)
    return built


def build_search_space(config_file: File, trial: optuna.trial.BaseTrial) -> dict[str, Any]:
    """Return the settings of one trial from a single file with QuantumGrav's tags.

    Args:
        config_file: settings in which `!sweep`, `!range`, `!random_uniform`, `!reference` and `!coupled-sweep` stand in
            the place of values.
        trial: an `optuna.trial.Trial`, `FixedTrial` or `FrozenTrial`.

    Returns:
        Plain Python values; a `!pyobject a.b.C` is the text `"!pyobject a.b.C"`, which `qgtune.objects` turns into the
        object.

    Raises:
        FileNotFoundError: when there is no such file.
        QGTuneError: with every problem of the file.
        TypeError: when an argument has the wrong type.
    """
    _check_trial(trial)
    return _drawn(*_tagged(_stamp(config_file, "config file")), trial)


def _check_trial(trial: Any) -> None:
    if not hasattr(trial, "suggest_float"):
        raise TypeError(f"trial must be an optuna Trial or FixedTrial, not {type(trial).__name__}")


def _drawn(space: SearchSpace, prepared: Any, trial: Any, where: Where | None = None) -> dict[str, Any]:
    """Ask a trial for its values; return the settings with them. A fixed trial's values are taken as they are."""

    def draw(asked: Any) -> DictConfig:
        config: DictConfig = OmegaConf.create(prepared)
        space.inject(config, space.suggest(asked))
        return config

    config = drawn(trial, draw, where.broken) if where and hasattr(trial, "storage") else draw(trial)
    built: dict[str, Any] = resolve_plain(config)
    return built


@functools.lru_cache(maxsize=16)
def _tagged(file: Stamp) -> tuple[SearchSpace, Any]:
    register_resolvers()
    path = Path(file[0])
    apart = Apart(file[0]).read(_whole(path, lambda: _load_tagged(path)))
    built = build_space(apart.space, apart.base, apart.dependencies, space_source=file[0], dependencies_source=file[0])
    return _ready(built, apart.base)


def _ready(space: SearchSpace, base: Any) -> tuple[SearchSpace, Any]:
    """Check a space on its settings; return it with the prepared ones as plain data."""
    config = OmegaConf.create({} if base is None else base)
    check_space(space, config)
    return space, OmegaConf.to_container(space.prepare(config), resolve=False)


def _where(given: Sequence[str]) -> Where:
    try:
        return Where.read(list(given))
    except (ValueError, TypeError) as error:
        raise QGTuneError(f"Cannot use where={given!r}: {error}.") from None


def _stamp(file: File, description: str) -> Stamp:
    """Name a file together with what changes when it is written."""
    path = existing(file, description)
    stat = path.stat()
    return str(path), stat.st_mtime_ns, stat.st_size


@functools.lru_cache(maxsize=16)
def _space(
    space: Stamp,
    dependencies: Stamp | None,
    base: Stamp | None,
    tune_model: bool,  # noqa: FBT001 - a cache key
    tune_training: bool,  # noqa: FBT001 - a cache key
) -> tuple[SearchSpace, Any]:
    """Read and check a space; return it with the prepared settings as plain data. Trials share it."""
    register_resolvers()
    settings = None if base is None else load_yaml(base[0], "base settings")
    mapping = None if dependencies is None else load_yaml_file(Path(dependencies[0]), "dependency mapping")
    path = Path(space[0])
    data, follows = _whole(path, lambda: _load_space(path))
    built = build_space(
        data,
        settings,
        laid_over(follows, mapping),
        tune_model=tune_model,
        tune_training=tune_training,
        space_source=space[0],
        dependencies_source="" if dependencies is None else dependencies[0],
    )
    return _ready(built, settings)


def _write_built(path: Path, built: dict[str, Any], number: int) -> None:
    """Write the first trial's settings; trial 0 replaces what an earlier study left."""
    if number == 0:
        write_yaml(path, built)
    elif not path.exists():
        write_once(path, dump_yaml(built))
