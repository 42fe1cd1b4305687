"""What `HydraConfig.set_config` does to a job's config, without its copy of the whole `hydra` node.

That copy is a fifth of what a trial costs, and nobody else holds a trial's config. Tried on Hydra 1.3.2 to 1.4.0rc3;
`tests/sweep/test_job.py` compares a job with one of Hydra's own.
"""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf


def raw_value(config: DictConfig, key: str) -> Any:
    """Return what a config has at a key: a node, or a value; an interpolation is its text."""
    node: Any = config._get_node(key)
    return node if OmegaConf.is_config(node) and not (node._is_none() or node._is_missing()) else node._value()


def share_hydra_node(config: DictConfig) -> DictConfig:
    """Return a config that holds the `hydra` node of another one, read-only, and nothing else.

    The node stays where it is, so that its interpolations lead into the app's config, as Hydra wants it.
    """
    OmegaConf.set_readonly(config.hydra, value=True)
    shell = OmegaConf.create()
    shell.__dict__["_content"]["hydra"] = config._get_node("hydra")
    return shell
