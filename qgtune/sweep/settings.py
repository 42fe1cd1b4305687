"""The sweeper's own settings, read from `hydra.sweeper` and checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune import checks
from qgtune.errors import QGTuneError, did_you_mean, first_line
from qgtune.keys import key, keys_of
from qgtune.results.kept import Kept
from qgtune.space.dependencies.where import Where
from qgtune.space.reading.tagged import load_space
from qgtune.space.reading.yaml_files import load_yaml_file
from qgtune.study.algorithms.names import DEFAULT_PRUNER, PROMOTING_PRUNER
from qgtune.study.attempts.promotion import Fidelity
from qgtune.study.objectives import Objectives, pruner_for
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.study.storages.addresses import Storage

ALIASES = {"best_param_path": "best_config_path"}
UNSETTLED = ("search_space", "dependencies", "where")


@dataclass(frozen=True, slots=True)
class Settings:
    """The keys of `hydra.sweeper`."""

    search_space: Any = key(
        None, None, "a node, or the path of a YAML file (relative to the folder that the command is run in)"
    )
    dependencies: Any = key(None, None, "a node, or the path of a YAML file, of the values that follow other values")
    params: Mapping[str, Any] = key(
        None,
        lambda value: {} if value is None else checks.mapping(value),
        "`key: range(...)` as on the command line, which wins",
    )
    custom_search_space: str | None = key(
        None,
        checks.optional(checks.text),
        "`module.function`, called as `function(config, trial)` once a trial has its values; what else it "
        "suggests is set in the config, each name a path",
    )
    where: Where = key(
        None,
        Where.read,
        "conditions between values, such as `${qgtune.le:${model.width},${model.limit}}`: a draw that violates one is "
        "drawn again, and costs neither a trial nor a job",
    )
    enqueue_base: bool = key(
        True, checks.flag, "a new study runs the base settings first, as trial 0, if they lie in the space"
    )
    enqueue: tuple[Any, ...] = key(
        None,
        lambda value: () if value is None else checks.items(value),
        "known points to run next: `[{training.lr: 0.01}, …]`; what a point leaves out is sampled",
    )
    prior: str | Mapping[str, Any] | None = key(
        None,
        checks.optional(checks.prior),
        "where good values are thought to lie: `base`, or `{training.lr: 1e-3}`, or `prior: 1e-3` beside a range. The "
        "first trials are drawn around it; its weight fades",
    )
    warm_start: tuple[str, ...] = key(
        None,
        lambda value: () if value is None else checks.paths(value),
        "earlier sweeps whose finished trials inform the sampler: folders, journals or addresses. They count for "
        "nothing else",
    )
    dry_run: bool = key(
        False,
        checks.flag,
        "shows the space, the dependencies, what is fixed and the first sampled config, and runs nothing",
    )
    tune: tuple[str, ...] | None = key(None, checks.optional(checks.paths), "paths to tune; null tunes all")
    tune_model: bool = key(True, checks.flag, "false leaves the `model` section at its base values")
    tune_training: bool = key(True, checks.flag, "false leaves the `training` section at its base values")
    study_name: str = key("${hydra.job.name}", checks.text, "the study's name in its storage", "the job's name")
    storage: Storage = key(
        "${hydra.sweep.dir}/study.log",
        checks.optional(checks.storage),
        "a journal file, `memory` (for one worker), `redis://…`, `postgresql://…`, `mysql://…`, `sqlite:///…`, "
        "`grpc://…`, or a `_target_`: [docs/storages.md](docs/storages.md). null is memory for one worker, and "
        "the journal for several",
        "`study.log` in the sweep folder",
    )
    direction: Objectives = key(
        "minimize", Objectives.read, "or `maximize`; several objectives: a list, or a mapping of their names"
    )
    n_trials: int = key(
        20, checks.whole(1), "the total of the study, resumed runs included: complete, pruned, and failed for good"
    )
    n_jobs: int = key(1, checks.whole(1), "workers; one runs in process, so that a debugger works, more are processes")
    trials_per_worker: int | None = key(
        None,
        checks.optional(checks.whole(1)),
        "how many trials a worker process, or a job of another launcher, runs before a fresh one takes its place",
    )
    timeout: float | None = key(
        None,
        checks.optional(checks.number(0, float("inf"))),
        "seconds after which no trial starts; running ones finish",
    )
    timeout_grace: float | None = key(
        None,
        checks.optional(checks.number(0, float("inf"))),
        "seconds after the timeout when trials that still run are given back; null lets them finish",
    )
    trial_timeout: float | None = key(
        None,
        checks.optional(checks.number(0, float("inf"))),
        "seconds that an attempt may run: then its process is ended, the trial has failed, and a fresh worker goes on",
    )
    stall_timeout: float | None = key(
        None,
        checks.optional(checks.number(0, float("inf"))),
        "the same for seconds without a report",
    )
    stop_at: float | None = key(
        None,
        checks.optional(checks.number(float("-inf"), float("inf"))),
        "the value at which, or beyond which, the study is good enough",
    )
    stop_after_no_improvement: int | None = key(
        None,
        checks.optional(checks.whole(1)),
        "how many finished trials without a new best one end the study, over all workers",
    )
    max_failure_rate: float = key(
        1.0,
        checks.number(0, 1),
        "the share of this run's trials that may fail; the first `n_jobs + 2` all failing always stops it",
    )
    max_retries: int = key(1, checks.whole(0), "how often a trial whose worker died is run again with the same values")
    retry_exceptions: bool = key(False, checks.flag, "whether a trial whose function raised is run again, too")
    oom: str = key(
        "fail",
        checks.one_of("fail", "infeasible"),
        "what becomes of values for which the memory does not suffice, which are never run again: `fail`, or "
        "`infeasible`, a violated constraint that samplers keep away from (Optuna 5)",
    )
    seed: int | None = key(
        None,
        checks.optional(checks.seed),
        "repeats the sampled values with one worker; every worker and every resumed run draws from its own stream",
    )
    sampler: Mapping[str, Any] | None = key(
        None,
        checks.optional(checks.mapping),
        "`hydra/sweeper/sampler=` tpe, random, grid, cmaes, gp, nsgaii, nsgaiii, qmc, bruteforce or "
        "partial_fixed; arguments as keys (`hydra.sweeper.sampler.n_startup_trials=20`); `_target_` for your own",
        "tpe",
    )
    pruner: Mapping[str, Any] | None = key(
        None,
        checks.optional(checks.mapping),
        "`hydra/sweeper/pruner=` default (Optuna's: median), median, percentile, hyperband, successive_halving, "
        "threshold, patient, wilcoxon, nop or asha_promote; likewise",
        "default",
    )
    fidelity: Fidelity | None = key(
        None,
        Fidelity.read,
        "for `hydra/sweeper/pruner=asha_promote`: `{path: training.epochs, min: 1, max: 27, factor: 3}`: a "
        "configuration runs for `min` steps and pauses; one in `factor` goes on from its checkpoint",
    )
    built_search_space_path: str | None = key(
        "${hydra.sweep.dir}/built_search_space.yaml",
        checks.optional(checks.text),
        "the first trial's whole config",
        "in the sweep folder",
    )
    best_trial_path: str | None = key(
        "${hydra.sweep.dir}/best_trial.yaml",
        checks.optional(checks.text),
        "the best trial's values, `path: value`",
        "in the sweep folder",
    )
    best_config_path: str | None = key(
        "${hydra.sweep.dir}/best_config.yaml",
        checks.optional(checks.text),
        "the best trial's whole config (`best_param_path` is another name); of a Pareto front each trial's, with "
        "its number in the name",
        "in the sweep folder",
    )
    checkpoint_path: str = key(
        "${hydra.sweep.dir}/checkpoints",
        checks.text,
        "where `qgtune.checkpoint_dir()` has a folder for each configuration; workers on several hosts need a place "
        "that all of them reach",
        "in the sweep folder",
    )
    keep: Kept | None = key(
        None,
        Kept.read,
        "`{best: 3, last: true}`: checkpoints of other finished trials are removed as the sweep goes; null keeps all",
    )
    report: bool = key(True, checks.flag, "whether `report.html` is written into the sweep folder at the end")
    progress: str = key(
        "auto",
        checks.progress,
        "`bar` is the live view, `log` a line now and then, `off` neither; auto is `bar` on a terminal that no "
        "debugger uses, else `log`",
        "auto",
    )


KEYS = keys_of(Settings)
_KNOWN = (*KEYS, *ALIASES)


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
    node["where"] = _raw(config, "where")
    values: dict[str, Any] = {}
    for name, one in KEYS.items():
        try:
            values[name] = None if one.check is None else one.check(node.get(name))
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
    _check_promotion(values)
    values["seed"], values["sampler"] = _seed(values["seed"], values["sampler"])
    return Settings(**values)


def _check_promotion(values: Mapping[str, Any]) -> None:
    promotes = (values["pruner"] or {}).get("_target_") == PROMOTING_PRUNER
    if promotes and values["fidelity"] is None:
        raise QGTuneError("Cannot use hydra/sweeper/pruner=asha_promote: give hydra.sweeper.fidelity, too.")
    if values["fidelity"] is not None and not promotes:
        raise QGTuneError(
            "Cannot use hydra.sweeper.fidelity: it is for hydra/sweeper/pruner=asha_promote. Give that, too."
        )
    if promotes and len(values["direction"]) > 1:
        raise QGTuneError(
            "Cannot use hydra/sweeper/pruner=asha_promote with several objectives: none ranks the trials."
        )


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


@dataclass(frozen=True, slots=True)
class Given:
    """A node of the config or the content of the file that it names.

    Attributes:
        data: plain data; None when nothing was given.
        source: the file, or the config's path of the node.
        follows: the dependencies that tags in a search space mean; None for none.
    """

    data: Any
    source: str
    follows: Any = None


def read_given(config: DictConfig, key: str) -> Given:
    """Read `hydra.sweeper.search_space` or `.dependencies`, raw: interpolations stay text.

    Args:
        config: a composed config, with its `hydra` node.
        key: which of the two. A text names a YAML file, relative to the folder that the command was run in.

    Raises:
        QGTuneError: when the file is missing or is no YAML.
    """
    value = _raw(config, key)
    if isinstance(value, str):
        value = config.hydra.sweeper[key]
    if isinstance(value, str) and key == "search_space":
        data, follows = load_space(Path(config.hydra.runtime.cwd, value))
        return Given(data, value, follows)
    if isinstance(value, str):
        return Given(load_yaml_file(Path(config.hydra.runtime.cwd, value), key.replace("_", " ")), value)
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if key == "search_space":
        value = _with_ends(value, config.hydra.sweeper[key])
    return Given(value, f"hydra.sweeper.{key}")


def _raw(config: DictConfig, key: str) -> Any:
    raw = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    return raw.get(key) if isinstance(raw, dict) else None


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
