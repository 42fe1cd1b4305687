"""The sweeper's own settings, read from `hydra.sweeper` and checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune import checks
from qgtune.errors import QGTuneError, did_you_mean, first_line
from qgtune.space.reading.yaml_files import load_yaml_file
from qgtune.study.algorithms.names import DEFAULT_PRUNER
from qgtune.study.objectives import Objectives, pruner_for
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qgtune.study.storages.addresses import Storage

ALIASES = {"best_param_path": "best_config_path"}
UNSETTLED = ("search_space", "dependencies")


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of `hydra.sweeper`; `hydra_plugins/qgtune_sweeper/_config.py` explains each."""

    params: Mapping[str, Any]
    study_name: str
    storage: Storage
    direction: Objectives
    n_trials: int
    n_jobs: int
    trials_per_worker: int | None
    timeout: float | None
    stop_at: float | None
    stop_after_no_improvement: int | None
    max_failure_rate: float
    max_retries: int
    retry_exceptions: bool
    seed: int | None
    sampler: Mapping[str, Any] | None
    pruner: Mapping[str, Any] | None
    custom_search_space: str | None
    enqueue_base: bool
    enqueue: tuple[Any, ...]
    dry_run: bool
    tune: tuple[str, ...] | None
    tune_model: bool
    tune_training: bool
    built_search_space_path: str | None
    best_trial_path: str | None
    best_config_path: str | None
    progress: str
    report: bool


def read_settings(config: DictConfig) -> Settings:
    """Read and check `hydra.sweeper` of a composed config.

    Raises:
        QGTuneError: with every unknown key and every wrong value.
    """
    node = dict(_resolved(config))
    _rename(node)
    if node.get("study_name") is None:
        node["study_name"] = config.hydra.job.name
    problems = [_unknown(key) for key in node if key not in _KNOWN and not str(key).startswith("_")]
    values: dict[str, Any] = {}
    for name, check in _CHECKS.items():
        try:
            values[name] = check(node.get(name))
        except ValueError as error:
            problems.append(f"Cannot use hydra.sweeper.{name}={redact(node.get(name))!r}: {error}.")
    if problems:
        raise QGTuneError(*problems)
    if len(values["direction"]) > 1 and (values["stop_at"], values["stop_after_no_improvement"]) != (None, None):
        raise QGTuneError("Cannot stop a study of several objectives early: none of its values is the best one.")
    try:
        values["pruner"] = pruner_for(
            values["direction"], values["pruner"], chosen=_chose_pruner(config, values["pruner"])
        )
    except ValueError as error:
        raise QGTuneError(f"Cannot use hydra.sweeper.pruner: {error}.") from None
    values["seed"], values["sampler"] = _seed(values["seed"], values["sampler"])
    return Settings(**values)


def _chose_pruner(config: DictConfig, pruner: Any) -> bool:
    """Say whether the user chose the pruner, rather than leave the group and its arguments alone."""
    choice = config.hydra.runtime.get("choices", {}).get("hydra/sweeper/pruner")
    return bool(choice != "default" or pruner != {"_target_": DEFAULT_PRUNER})


def _resolved(config: DictConfig) -> Mapping[str, Any]:
    """Return the node with its interpolations resolved, but for the space and the dependencies."""
    node = config.hydra.sweeper
    return {
        str(key): OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        for key in node
        if key not in UNSETTLED
        for value in [node[key]]
    }


def _rename(node: dict[str, Any]) -> None:
    for alias, name in ALIASES.items():
        if (value := node.pop(alias, None)) is not None:
            node[name] = value


def _unknown(key: Any) -> str:
    return f"Cannot use hydra.sweeper.{key}: there is no such key.{did_you_mean(str(key), _KNOWN)}"


def _seed(seed: int | None, sampler: dict[str, Any] | None) -> tuple[int | None, dict[str, Any] | None]:
    """Take `sampler.seed`, as the official sweeper spells it, for the seed of the study."""
    if sampler is None or "seed" not in sampler:
        return seed, sampler
    rest = {key: value for key, value in sampler.items() if key != "seed"}
    return (sampler["seed"] if seed is None else seed), rest


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "params": lambda value: {} if value is None else checks.mapping(value),
    "study_name": checks.text,
    "storage": checks.optional(checks.storage),
    "direction": Objectives.read,
    "n_trials": checks.whole(1),
    "n_jobs": checks.whole(1),
    "trials_per_worker": checks.optional(checks.whole(1)),
    "timeout": checks.optional(checks.number(0, float("inf"))),
    "stop_at": checks.optional(checks.number(float("-inf"), float("inf"))),
    "stop_after_no_improvement": checks.optional(checks.whole(1)),
    "max_failure_rate": checks.number(0, 1),
    "max_retries": checks.whole(0),
    "retry_exceptions": checks.flag,
    "seed": checks.optional(checks.seed),
    "sampler": checks.optional(checks.mapping),
    "pruner": checks.optional(checks.mapping),
    "custom_search_space": checks.optional(checks.text),
    "enqueue_base": checks.flag,
    "enqueue": lambda value: () if value is None else checks.items(value),
    "dry_run": checks.flag,
    "tune": checks.optional(checks.paths),
    "tune_model": checks.flag,
    "tune_training": checks.flag,
    "built_search_space_path": checks.optional(checks.text),
    "best_trial_path": checks.optional(checks.text),
    "best_config_path": checks.optional(checks.text),
    "progress": checks.progress,
    "report": checks.flag,
}
_KNOWN = (*_CHECKS, *UNSETTLED, *ALIASES)
if set(_CHECKS) != {field.name for field in fields(Settings)}:  # pragma: no cover - a mistake of ours, found on import
    raise RuntimeError("every setting needs a check")


@dataclass(frozen=True, slots=True)
class Given:
    """A node of the config or the content of the file that it names.

    Attributes:
        data: plain data; None when nothing was given.
        source: the file, or the config's path of the node.
    """

    data: Any
    source: str


def read_given(config: DictConfig, key: str) -> Given:
    """Read `hydra.sweeper.search_space` or `.dependencies`, raw: interpolations stay text.

    Args:
        config: a composed config, with its `hydra` node.
        key: which of the two. A text names a YAML file, relative to the folder that the command was run in.

    Raises:
        QGTuneError: when the file is missing or is no YAML.
    """
    raw = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    value = raw.get(key) if isinstance(raw, dict) else None
    if isinstance(value, str):
        value = config.hydra.sweeper[key]
    if isinstance(value, str):
        return Given(load_yaml_file(Path(config.hydra.runtime.cwd, value), key.replace("_", " ")), value)
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if key == "search_space":
        value = _with_ends(value, config.hydra.sweeper[key])
    return Given(value, f"hydra.sweeper.{key}")


def _with_ends(raw: Any, node: Any, path: str = "") -> Any:
    """Resolve the ends of ranges: unlike choices they have to be numbers before the first trial."""
    if isinstance(raw, dict) and raw.get("type") == "tuple":
        try:
            return OmegaConf.to_container(node, resolve=True)
        except OmegaConfBaseException as error:
            raise QGTuneError(f"Cannot use {path} of hydra.sweeper.search_space: {first_line(error)}.") from None
    if isinstance(raw, dict):
        return {
            key: _with_ends(item, _inside(node, key, item), f"{path}.{key}".lstrip(".")) for key, item in raw.items()
        }
    if isinstance(raw, list):
        return [_with_ends(item, _inside(node, index, item), f"{path}.{index}") for index, item in enumerate(raw)]
    return raw


def _inside(node: Any, key: Any, raw: Any) -> Any:
    return node[key] if isinstance(raw, (dict, list)) else None
