"""Keep passwords and other secrets of the sweeper's settings out of everything that is written from a config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf, open_dict, read_write

from qgtune.study.storages.addresses import MASK, redact, secrets

if TYPE_CHECKING:
    from omegaconf import DictConfig

_KEYS = ("storage", "logger", "hooks", "notify")
_STORAGE = "hydra.sweeper.storage"


def masked(config: DictConfig) -> DictConfig:
    """Return a config without the secrets in the settings of `hydra.sweeper`.

    Args:
        config: with its `hydra` node, which keeps the value itself and the overrides of the command line.

    Returns:
        The same config, if there is none in it; else a copy with `***` in its place.
    """
    sweeper: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    found = {key: sweeper[key] for key in _KEYS if key in sweeper}
    # As text: they may hold interpolations of values that only a job has.
    given: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    overrides = [str(override) for override in given]
    hidden_values, hidden_overrides = redact(found), [_hidden(text, found.get("storage")) for text in overrides]
    if (hidden_values, hidden_overrides) == (found, overrides):
        return config
    twin = config.copy()
    OmegaConf.copy_cache(from_config=config, to_config=twin)
    with read_write(twin.hydra), open_dict(twin.hydra):
        for key, value in hidden_values.items():
            twin.hydra.sweeper[key] = value
        twin.hydra.overrides.hydra = hidden_overrides
    return twin


def _hidden(override: str, storage: Any) -> str:
    if override.lstrip("+").startswith(_STORAGE):
        for secret in secrets(storage):
            override = override.replace(secret, MASK)
    return str(redact(override))
