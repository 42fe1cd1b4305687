"""The sweeper's node before Hydra builds the sweeper from it.

`instantiate` resolves every interpolation of the node, so that a dependency that points nowhere would end the program
with Hydra's error instead of ours. Our callback takes them out before, and the sweeper puts them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf, open_dict, read_write

from qgtune.sweep.settings import UNSETTLED

if TYPE_CHECKING:
    from omegaconf import DictConfig

OURS = "hydra_plugins.qgtune_sweeper.sweeper.QGTuneSweeper"
OFFICIAL = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
_taken_out: dict[int, dict[str, Any]] = {}


def take_out(config: DictConfig) -> None:
    """Take the nodes that hold interpolations out of a composed config."""
    node = config.hydra.sweeper
    raw = OmegaConf.to_container(node, resolve=False)
    if not isinstance(raw, dict):
        return
    _taken_out[id(config)] = {key: raw[key] for key in UNSETTLED if isinstance(raw.get(key), (dict, list))}
    _set(config, dict.fromkeys(_taken_out[id(config)]))


def replace_official(config: DictConfig) -> None:
    """Run our sweeper where the config names the official one's class beside our name, as project templates do."""
    if config.hydra.sweeper.get("_target_") == OFFICIAL:
        _set(config, {"_target_": OURS})


def put_back(config: DictConfig) -> None:
    """Put them back, if they were taken out."""
    _set(config, _taken_out.pop(id(config), {}))


def _set(config: DictConfig, values: dict[str, Any]) -> None:
    node = config.hydra.sweeper
    with read_write(node), open_dict(node):
        for key, value in values.items():
            node[key] = value
