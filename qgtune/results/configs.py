"""Configs as plain data."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


def resolve_plain(config: Any) -> Any:
    """Return a config as plain Python data with every interpolation resolved.

    A value that does not resolve (a missing `???`, an unset environment variable) stays the text that it was.
    """
    try:
        return OmegaConf.to_container(config, resolve=True, throw_on_missing=False, enum_to_str=True)
    except (OmegaConfBaseException, KeyError, ValueError, TypeError):
        return _leaf_by_leaf(config)


def _leaf_by_leaf(config: Any) -> Any:
    if isinstance(config, DictConfig):
        return {key: _leaf(config, key) for key in config}
    return [_leaf(config, index) for index in range(len(config))]


def _leaf(config: DictConfig | ListConfig, key: Any) -> Any:
    try:
        value = config[key]
    except (OmegaConfBaseException, KeyError, ValueError, TypeError):
        raw = OmegaConf.to_container(config, resolve=False)
        return raw[key]  # type: ignore[index]
    return resolve_plain(value) if OmegaConf.is_config(value) else value
