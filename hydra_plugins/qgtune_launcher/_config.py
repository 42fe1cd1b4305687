"""The keys of `hydra/launcher=qgtune`.

In a module with an underscore: Hydra executes the others under its own scan, where a dataclass cannot be made.
"""

from __future__ import annotations

from dataclasses import dataclass

from hydra.core.config_store import ConfigStore


@dataclass
class QGTuneLauncherConf:
    """Runs each job in a spawned process of its own.

    Attributes:
        n_processes: how many jobs run at a time; null means one a core. Under the qgtune sweeper its `n_jobs` decides.
    """

    _target_: str = "hydra_plugins.qgtune_launcher.launcher.QGTuneLauncher"
    n_processes: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="qgtune", node=QGTuneLauncherConf, provider="qgtune")
