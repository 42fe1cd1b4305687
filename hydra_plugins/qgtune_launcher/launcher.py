"""Hydra's process launcher: `hydra/launcher=qgtune`. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hydra.plugins.launcher import Launcher

from qgtune.sweep.hydra.store_private import store
from qgtune.systems import refuse_windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hydra.core.utils import JobReturn
    from hydra.types import HydraContext, TaskFunction
    from omegaconf import DictConfig

# Here, since Hydra executes this file for each `ConfigStore` anew, as its test fixtures make them.
store("hydra/launcher", "qgtune", "hydra_plugins.qgtune_launcher._config:QGTuneLauncherConf")


class QGTuneLauncher(Launcher):
    """A launcher whose jobs run in processes of this machine."""

    def __init__(self, **keys: Any) -> None:
        self.keys = keys

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what a launch needs."""
        self.given = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs and return Hydra's record of each."""
        refuse_windows()
        from qgtune.sweep.workers.launching import launch_jobs

        return launch_jobs(*self.given, job_overrides, initial_job_idx, self.keys)
