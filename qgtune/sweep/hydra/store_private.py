"""Configs in Hydra's store that are made when an app composes them: every Hydra app of the machine would pay for them.

Tried on Hydra 1.3.2 to 1.4.0rc3; `tests/test_plugins.py` composes each of them. Hydra imports this file in every app:
keep it light.
"""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigNode, ConfigStore
from omegaconf import OmegaConf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig


class LazyConfig(ConfigNode):
    """An entry of the store whose `node` is made when it is first asked for.

    Args:
        group: as in `hydra/sweeper`.
        name: of the config in its group.
        source: a dataclass, as in `package.module:Class`; or a mapping with a `_target_`, or of names to such. These
            take further keys, the arguments, without Hydra's `+`.
    """

    def __init__(self, group: str, name: str, source: str | Mapping[str, Any]) -> None:
        self.name = f"{name}.yaml"
        self.group = group
        self.package = None
        self.provider = "qgtune"
        self.source = source

    def __getattr__(self, name: str) -> Any:
        """Make the node; a copy that is about to be filled has nothing to make it of."""
        if name != "node" or "source" not in self.__dict__:
            raise AttributeError(name)
        if isinstance(self.source, str):
            self.node = OmegaConf.structured(pkgutil.resolve_name(self.source))
        else:
            self.node = _node(self.source)
        return self.node


def _node(source: Mapping[str, Any]) -> DictConfig:
    if "_target_" in source:
        return OmegaConf.create(dict(source), flags={"struct": False})
    return OmegaConf.create({name: _node(one) for name, one in source.items()})


def store(group: str, name: str, source: str | Mapping[str, Any]) -> None:
    """Put a config into Hydra's store, or another one of its name; see `LazyConfig`."""
    place = ConfigStore.instance().repo
    for part in group.split("/"):
        place = place.setdefault(part, {})
    config = LazyConfig(group, name, source)
    place[config.name] = config
