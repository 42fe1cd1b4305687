"""Hydra's compose API with the dependencies in place, for notebooks and tests."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import hydra
from omegaconf import open_dict

from qgtune.sweep.hydra.callback import put_dependencies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omegaconf import DictConfig

log = logging.getLogger("qgtune")


def compose(config_name: str | None = None, overrides: Sequence[str] = ()) -> DictConfig:
    """Compose an app's config as `hydra.compose` does, with the app's dependencies in place, as a plain run has them.

    Args:
        config_name: of the primary config.
        overrides: as on the command line.

    Returns:
        The config without its `hydra` node, inside `hydra.initialize` or `initialize_config_dir`.

    Raises:
        QGTuneError: with every problem of the dependencies.
        hydra.errors.HydraException: when the config cannot be composed.
    """
    config = hydra.compose(config_name, list(overrides), return_hydra_config=True)
    for notice in put_dependencies(config):
        log.warning(notice)
    with open_dict(config):
        del config["hydra"]
    return config
