"""The keys of `hydra/sweeper=qgtune`, and the groups of samplers and pruners.

In a module with an underscore: Hydra executes the others under its own scan, where a dataclass cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from qgtune.study.algorithms.names import DEFAULT_PRUNER, PRUNERS, SAMPLERS

CALLBACK = "qgtune.sweep.hydra.callback.Dependencies"


@dataclass
class QGTuneSweeperConf:
    """Tunes an app with Optuna.

    Attributes:
        search_space: ranges in the shape of the config: a node, or the path of a YAML file (relative to the folder that
            the command is run in). The form of the official sweeper's first release is understood, too.
        dependencies: values that follow other values: a node, or the path of a YAML file.
        params: the same as `key=range(...)` on the command line, as a mapping; the command line wins.
        custom_search_space: a function as `module.function`, called as `function(config, trial)` once the trial has its
            values: what else it suggests is set in the config, each name a path.
        enqueue_base: whether a new study runs the base settings first, as trial 0, if they lie in the space.
        enqueue: points to run before any that is sampled: a list of mappings of paths to values. What a point leaves
            out is sampled.
        dry_run: true shows the space, what is fixed and the first sampled config, and runs nothing.
        tune: config paths; only hyperparameters at or below one of them are tuned. null tunes all.
        tune_model: false drops the space's `model` section: the base settings hold.
        tune_training: false drops the space's `training` section.
        study_name: the study's name in its storage; null means the job's name.
        storage: the path of a journal file; a URL such as redis://host or postgresql://user@host/database; or a
            `_target_`. `memory` keeps the study in memory, for one worker; so does null, but with several workers it
            stands for `study.log` in the sweep folder.
        direction: `minimize` or `maximize`; for several objectives a list, or a mapping of their names.
        n_trials: the total of the study, resumed runs included: complete and pruned trials, and failures that are not
            retried.
        n_jobs: how many workers run trials at the same time. More than one are processes of their own.
        trials_per_worker: how many trials a worker process, or a launcher's job, runs before a fresh one takes its
            place; null means no limit.
        timeout: seconds after which no trial starts any more; null means no limit. Running trials finish.
        stop_at: the value at which, or beyond which, the study is good enough: no trial starts any more.
        stop_after_no_improvement: how many finished trials without a new best one end the study.
        max_failure_rate: the share of failed trials, in [0, 1], above which the sweep stops. The first `n_jobs + 2`
            trials all failing stops it, too.
        max_retries: how often a trial whose worker died is run again with the same values.
        retry_exceptions: whether a trial whose function raised is run again, too.
        seed: makes the sampled values repeatable with one worker; null draws from the system.
        sampler: choose with `hydra/sweeper/sampler=<name>`; its arguments are keys of this node.
        pruner: choose with `hydra/sweeper/pruner=<name>`; its arguments are keys of this node. `default` is Optuna's
            median pruner; with several objectives nothing is pruned.
        built_search_space_path: the first trial's whole config; null writes none.
        best_trial_path: the best trial's hyperparameters; null writes none. Not written for several objectives.
        best_config_path: the whole config of the best trial, which runs as it is; null writes none. With several
            objectives one a trial of the Pareto front, with the trial's number in the name: `best_config_7.yaml`.
        report: whether `report.html` is written into the sweep folder at the end; needs the extra `report`.
        best_param_path: QGTune's name for `best_config_path`.
        progress: `bar` for a live view, `log` for a line every 30 s and at each new best, `off`; `auto` takes the live
            view on a terminal. Without a terminal, `bar` is `log`.
    """

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"sampler": "tpe"},
            {"pruner": "default"},
            {"/hydra/qgtune@_global_.hydra.callbacks": "default"},
        ]
    )
    _target_: str = "hydra_plugins.qgtune_sweeper.sweeper.QGTuneSweeper"
    _recursive_: bool = False
    search_space: Any = None
    dependencies: Any = None
    params: Any = None
    custom_search_space: Any = None
    enqueue_base: bool = True
    enqueue: Any = None
    dry_run: bool = False
    tune: Any = None
    tune_model: bool = True
    tune_training: bool = True
    study_name: Any = "${hydra.job.name}"
    storage: Any = "${hydra.sweep.dir}/study.log"
    direction: Any = "minimize"
    n_trials: int = 20
    n_jobs: int = 1
    trials_per_worker: Any = None
    timeout: Any = None
    stop_at: Any = None
    stop_after_no_improvement: Any = None
    max_failure_rate: float = 1.0
    max_retries: int = 1
    retry_exceptions: bool = False
    seed: Any = None
    sampler: Any = None
    pruner: Any = None
    built_search_space_path: Any = "${hydra.sweep.dir}/built_search_space.yaml"
    best_trial_path: Any = "${hydra.sweep.dir}/best_trial.yaml"
    best_config_path: Any = "${hydra.sweep.dir}/best_config.yaml"
    report: bool = True
    best_param_path: Any = None
    progress: Any = "auto"


def register() -> None:
    """Store the groups in Hydra's config store."""
    store = ConfigStore.instance().store
    store(group="hydra/sweeper", name="qgtune", node=QGTuneSweeperConf, provider="qgtune")
    store(group="hydra/qgtune", name="default", node={"qgtune": {"_target_": CALLBACK}}, provider="qgtune")
    groups = {
        "sampler": {name: f"optuna.samplers.{target}" for name, target in SAMPLERS.items()},
        "pruner": {name: f"optuna.pruners.{target}" for name, target in PRUNERS.items()} | {"default": DEFAULT_PRUNER},
    }
    for kind, targets in groups.items():
        for name, target in targets.items():
            # Arguments are the user's to add, without Hydra's `+`: Optuna knows which there are.
            node = OmegaConf.create({"_target_": target}, flags={"struct": False})
            store(group=f"hydra/sweeper/{kind}", name=name, node=node, provider="qgtune")


register()
