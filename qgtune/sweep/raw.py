"""Keep Hydra from resolving the search space and the dependencies when it builds the sweeper.

`instantiate` resolves every interpolation of the sweeper's node, so that a dependency that points nowhere would end the
program with Hydra's error instead of ours. Our callback takes both nodes out before, and the sweeper puts them back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf, open_dict, read_write

if TYPE_CHECKING:
    from omegaconf import DictConfig

KEYS = ("search_space", "dependencies")
_held: dict[int, dict[str, Any]] = {}


def hold(config: DictConfig) -> None:
    """Take both nodes out of a composed config."""
    node = config.hydra.sweeper
    raw = OmegaConf.to_container(node, resolve=False)
    if not isinstance(raw, dict):
        return
    _held[id(config)] = {key: raw[key] for key in KEYS if isinstance(raw.get(key), (dict, list))}
    _set(config, dict.fromkeys(_held[id(config)]))


def give_back(config: DictConfig) -> None:
    """Put them back, if they were taken out."""
    _set(config, _held.pop(id(config), {}))


def _set(config: DictConfig, values: dict[str, Any]) -> None:
    node = config.hydra.sweeper
    with read_write(node), open_dict(node):
        for key, value in values.items():
            node[key] = value
