"""The keys of `hydra/launcher=qgtune`.

In a module with an underscore: Hydra executes the others under its own scan, where a dataclass cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class QGTuneLauncherConf:
    """Runs each job in a spawned process of its own.

    Attributes:
        n_processes: how many jobs run at a time; null means one a core, or one a place on a GPU. Under the qgtune
            sweeper its `n_jobs` decides.
        gpus: `auto` for those that this process can see, or a list of what `CUDA_VISIBLE_DEVICES` takes: each process
            then sees one of them, the same for life. null leaves the environment alone.
        workers_per_gpu: how many processes share a GPU.
        threads_per_worker: how many threads OpenMP, MKL and torch start in a process. null divides the cores by the
            processes, unless OMP_NUM_THREADS is set.
    """

    _target_: str = "hydra_plugins.qgtune_launcher.launcher.QGTuneLauncher"
    n_processes: int | None = None
    gpus: Any = None
    workers_per_gpu: int = 1
    threads_per_worker: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="qgtune", node=QGTuneLauncherConf, provider="qgtune")
