"""The keys of `hydra/sweeper=qgtune`, and the groups of samplers and pruners.

In a module with an underscore: Hydra executes the others under its own scan, where a dataclass cannot be made.
"""

from __future__ import annotations

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from qgtune.hooks.loggers.names import LOGGERS
from qgtune.keys import Key, hydra_config
from qgtune.study.algorithms.names import DEFAULT_PRUNER, PROMOTING_PRUNER, PRUNERS, SAMPLERS
from qgtune.sweep.settings import ALIASES, KEYS

CALLBACK = "qgtune.sweep.hydra.callback.Dependencies"


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


def register() -> None:
    """Store the groups in Hydra's config store."""
    store = ConfigStore.instance().store
    store(group="hydra/sweeper", name="qgtune", node=QGTuneSweeperConf, provider="qgtune")
    store(group="hydra/qgtune", name="default", node={"qgtune": {"_target_": CALLBACK}}, provider="qgtune")
    groups = {
        "sampler": {name: f"optuna.samplers.{target}" for name, target in SAMPLERS.items()},
        "pruner": {name: f"optuna.pruners.{target}" for name, target in PRUNERS.items()}
        | {"default": DEFAULT_PRUNER, "asha_promote": PROMOTING_PRUNER},
    }
    for name, target in LOGGERS.items():  # by their names, so that several merge
        logger = {name: OmegaConf.create({"_target_": target}, flags={"struct": False})}
        store(group="hydra/sweeper/logger", name=name, node=logger, provider="qgtune")
    for kind, targets in groups.items():
        for name, target in targets.items():
            # Arguments are the user's to add, without Hydra's `+`: Optuna knows which there are.
            node = OmegaConf.create({"_target_": target}, flags={"struct": False})
            store(group=f"hydra/sweeper/{kind}", name=name, node=node, provider="qgtune")
