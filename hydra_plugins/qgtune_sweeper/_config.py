"""The keys of `hydra/sweeper=qgtune`.

In a module with an underscore: Hydra executes the others under its own scan, where a dataclass cannot be made.
"""

from __future__ import annotations

from qgtune.keys import Key, hydra_config
from qgtune.sweep.settings import ALIASES, KEYS

QGTuneSweeperConf = hydra_config(
    __name__,
    "QGTuneSweeperConf",
    "Tunes an app with Optuna; the README has a table of the keys.",
    {**KEYS, **{alias: Key(None, None, f"Another name of `{name}`.") for alias, name in ALIASES.items()}},
    defaults=[
        "_self_",
        {"sampler": "tpe"},
        {"pruner": "default"},
        {"logger": []},
        {"/hydra/qgtune@_global_.hydra.callbacks": "default"},
    ],
    _target_="hydra_plugins.qgtune_sweeper.sweeper.QGTuneSweeper",
    _recursive_=False,
)
