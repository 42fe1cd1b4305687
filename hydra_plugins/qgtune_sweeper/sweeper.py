"""Hydra's sweeper plugin: `hydra/sweeper=qgtune`. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.plugins.sweeper import Sweeper

from qgtune.hooks.loggers.names import LOGGERS
from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.study.algorithms.names import DEFAULT_PRUNER, PROMOTING_PRUNER, PRUNERS, SAMPLERS
from qgtune.sweep.hydra.store_private import store
from qgtune.sweep.hydra.tags import name_the_way_out
from qgtune.systems import refuse_windows

if TYPE_CHECKING:
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

# Here, since Hydra executes this file for each `ConfigStore` anew, as its test fixtures make them.
store("hydra/sweeper", "qgtune", "hydra_plugins.qgtune_sweeper._config:QGTuneSweeperConf")
store("hydra/qgtune", "default", {"qgtune": {"_target_": "qgtune.sweep.hydra.callback.Dependencies"}})
for _name, _target in SAMPLERS.items():
    store("hydra/sweeper/sampler", _name, {"_target_": f"optuna.samplers.{_target}"})
for _name, _target in PRUNERS.items():
    store("hydra/sweeper/pruner", _name, {"_target_": f"optuna.pruners.{_target}"})
store("hydra/sweeper/pruner", "default", {"_target_": DEFAULT_PRUNER})
store("hydra/sweeper/pruner", "asha_promote", {"_target_": PROMOTING_PRUNER})
for _name, _target in LOGGERS.items():  # by their names, so that several merge
    store("hydra/sweeper/logger", _name, {_name: {"_target_": _target}})
register_resolvers()
name_the_way_out()


class QGTuneSweeper(Sweeper):
    """Runs a study; `_config.py` beside this file explains its keys."""

    def __init__(self, **_settings: Any) -> None:
        """Take the keys as Hydra hands them over; `sweep` reads them raw from the config instead."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what a sweep needs."""
        self.given = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        """Run the study; return what `optimization_results.yaml` holds."""
        refuse_windows()
        from qgtune.processes.interrupts import exits_at_signals

        with exits_at_signals():
            from qgtune.sweep.workers.ahead import start_ahead

            start_ahead(self.given[2])
            from qgtune.sweep.run import run_sweep
        return run_sweep(*self.given, arguments)
