"""The sweeper and its groups in Hydra's store. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

from qgtune.hooks.loggers.names import LOGGERS
from qgtune.study.algorithms.names import DEFAULT_PRUNER, PROMOTING_PRUNER, PRUNERS, SAMPLERS
from qgtune.sweep.hydra.store_private import store

CALLBACK = "qgtune.sweep.hydra.callback.Dependencies"


def register() -> None:
    """Put the groups into Hydra's config store."""
    store("hydra/sweeper", "qgtune", "hydra_plugins.qgtune_sweeper._config:QGTuneSweeperConf")
    store("hydra/qgtune", "default", {"qgtune": {"_target_": CALLBACK}})
    groups = {
        "sampler": {name: f"optuna.samplers.{target}" for name, target in SAMPLERS.items()},
        "pruner": {name: f"optuna.pruners.{target}" for name, target in PRUNERS.items()}
        | {"default": DEFAULT_PRUNER, "asha_promote": PROMOTING_PRUNER},
    }
    for name, target in LOGGERS.items():  # by their names, so that several merge
        store("hydra/sweeper/logger", name, {name: {"_target_": target}})
    for kind, targets in groups.items():
        for name, target in targets.items():
            store(f"hydra/sweeper/{kind}", name, {"_target_": target})
