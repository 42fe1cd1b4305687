"""The sweeper's own settings: each with its default, its check and its meaning.

Hydra imports this file in every app: keep it light.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgtune import checks
from qgtune.keys import key, keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.progress.relay.followed import Style
    from qgtune.results.kept import Kept
    from qgtune.space.dependencies.where import Where
    from qgtune.study.attempts.promotion import Fidelity
    from qgtune.study.costs.budget import Budget
    from qgtune.study.objectives import Objectives
    from qgtune.study.repeats.setting import Repeats
    from qgtune.study.storages.addresses import Storage

ALIASES = {"best_param_path": "best_config_path"}
N_TRIALS = 20
UNSETTLED = ("search_space", "dependencies", "where")
"""The keys whose interpolations are those of a trial, not of the sweep."""


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
        "`key: range(...)` as on the command line, which wins; a list is choices where the config holds none",
    )
    custom_search_space: str | None = key(
        None,
        checks.optional(checks.text),
        "`module.function`, called as `function(config, trial)` once a trial has its values; what else it "
        "suggests is set in the config, each name a path",
    )
    where: Where = key(
        None,
        checks.named("qgtune.space.dependencies.where:Where.read"),
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
    points: str | None = key(
        None,
        checks.optional(checks.text),
        "a YAML file of points as `enqueue` takes them: the sweep runs exactly these, each once. Nothing is sampled, "
        "pruned or stopped early, and the space is widened to what they hold",
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
        "minimize",
        checks.named("qgtune.study.objectives:Objectives.read"),
        "or `maximize`; several objectives: a list, or a mapping of their names",
    )
    n_trials: int = key(
        None,
        checks.optional(checks.whole(1)),
        "the total of the study, resumed runs included: complete, pruned, and failed for good",
        "20, or as many as `budget` allows",
    )
    budget: Budget | None = key(
        None,
        checks.named("qgtune.study.costs.budget:Budget.read"),
        "what the study may cost, resumed runs included: `{gpu_hours: 20}`, `{worker_hours: 100}`, `{epochs: 2000}` "
        "(reported steps), `{trials: 50}`, or several; what is spent first ends it, and so does `n_trials`",
    )
    n_jobs: int = key(1, checks.whole(1), "workers; one runs in process, so that a debugger works, more are processes")
    trials_per_worker: int | None = key(
        None,
        checks.optional(checks.whole(1)),
        "how many trials a worker process, or a job of another launcher, runs before a fresh one takes its place",
    )
    timeout: float | None = key(
        None,
        checks.optional(checks.seconds),
        "seconds after which no trial starts; running ones finish",
    )
    timeout_grace: float | None = key(
        None,
        checks.optional(checks.seconds),
        "seconds after the timeout when trials that still run are given back; null lets them finish",
    )
    trial_timeout: float | None = key(
        None,
        checks.optional(checks.seconds),
        "seconds that an attempt may run: then its process is ended, the trial has failed, and a fresh worker goes on",
    )
    stall_timeout: float | None = key(
        None,
        checks.optional(checks.seconds),
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
        "`hydra/sweeper/pruner=` default (the worst quarter ends at each step but the first), median, percentile, "
        "hyperband, successive_halving, threshold, patient, wilcoxon, nop or asha_promote; likewise",
        "default",
    )
    fidelity: Fidelity | None = key(
        None,
        checks.named("qgtune.study.attempts.promotion:Fidelity.read"),
        "for `hydra/sweeper/pruner=asha_promote`: `{path: training.epochs, min: 1, max: 27, factor: 3}`: a "
        "configuration runs for `min` steps and pauses; one in `factor` goes on from its checkpoint",
    )
    repeats: Repeats | None = key(
        None,
        checks.named("qgtune.study.repeats.setting:Repeats.read"),
        "`{path: seed, values: [1, 2, 3], reduce: mean}`: each configuration runs once a value, side by side; what "
        "counts is the mean, median, min or max: [docs/repeats.md](docs/repeats.md)",
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
        checks.named("qgtune.results.kept:Kept.read"),
        "`{best: 3, last: true}`: checkpoints of other finished trials are removed as the sweep goes; null keeps all",
    )
    logger: Mapping[str, Any] = key(
        None,
        lambda value: {} if value is None else checks.mapping(value),
        "`hydra/sweeper/logger=` csv, mlflow, tensorboard, trackio or wandb, several as `[csv,mlflow]`; arguments as "
        "keys (`hydra.sweeper.logger.mlflow.experiment=mine`): [docs/loggers.md](docs/loggers.md)",
        "none",
    )
    hooks: tuple[Any, ...] = key(
        None,
        lambda value: () if value is None else checks.items(value),
        "`[{_target_: my.module.MyHook}, …]`: subclasses of `qgtune.Hook`, which are told of the sweep and its trials",
    )
    notify: Mapping[str, Any] | None = key(
        None,
        checks.named("qgtune.hooks.notify:read_notify"),
        "addresses of [apprise](https://appriseit.com), such as `mailto://…`, that get a message when the sweep ends "
        "or fails; `{urls: […], when: [end, failure, best]}` says when",
    )
    report: bool = key(True, checks.flag, "whether `report.html` is written into the sweep folder at the end")
    freeze_code: str = key(
        "warn",
        checks.one_of_or_off("warn", "copy"),
        "what becomes of code that changes while the sweep runs: `warn` names it, with the trials that ran with it; "
        "`copy` runs all workers on a copy; `off` does not look",
    )
    progress: str = key(
        "auto",
        checks.progress,
        "`bar` is the live view, `log` a line now and then, `off` neither; auto is `bar` on a terminal that no "
        "debugger uses, else `log`",
        "auto",
    )
    output: Style = key(
        "auto",
        checks.one_of("auto", "prefix", "mute", "plain"),
        "how the terminal shows what the trials print, all of which is in `output.log` in each one's folder: `prefix` "
        "puts the trial's number before each line, `plain` does not, `mute` shows none; auto is `mute` for several "
        "workers with a live view, else `prefix`",
        "auto",
    )


KEYS = keys_of(Settings)
KNOWN = (*KEYS, *ALIASES)
