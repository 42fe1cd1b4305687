"""The keys of `hydra/launcher=qgtune`.

In a module with an underscore: Hydra executes the others under its own scan, where a dataclass cannot be made.
"""

from __future__ import annotations

from qgtune.keys import hydra_config
from qgtune.processes.slots import LAUNCHER

QGTuneLauncherConf = hydra_config(
    __name__,
    "QGTuneLauncherConf",
    "Runs each job in a spawned process of its own; the README has a table of the keys.",
    LAUNCHER,
    _target_="hydra_plugins.qgtune_launcher.launcher.QGTuneLauncher",
)
