"""Keep the storage's password out of everything that is written from a config."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf, open_dict, read_write

from qgtune.study.storages.addresses import MASK, redact, secrets

if TYPE_CHECKING:
    from omegaconf import DictConfig

_KEY = "hydra.sweeper.storage"


def masked(config: DictConfig) -> DictConfig:
    """Return a config without the password of `hydra.sweeper.storage`.

    Args:
        config: with its `hydra` node, which keeps the value itself and the overrides of the command line.

    Returns:
        The same config, if there is no password in it; else a copy with `***` in its place.
    """
    sweeper = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    storage: Any = sweeper.get("storage") if isinstance(sweeper, dict) else None
    # As text: they may hold interpolations of values that only a job has.
    given: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    overrides = [str(override) for override in given]
    hidden_storage, hidden_overrides = redact(storage), [_hidden(override, storage) for override in overrides]
    if (hidden_storage, hidden_overrides) == (storage, overrides):
        return config
    twin = config.copy()
    OmegaConf.copy_cache(from_config=config, to_config=twin)
    with read_write(twin.hydra), open_dict(twin.hydra):
        twin.hydra.sweeper.storage = hidden_storage
        twin.hydra.overrides.hydra = hidden_overrides
    return twin


def _hidden(override: str, storage: Any) -> str:
    if override.lstrip("+").startswith(_KEY):
        for secret in secrets(storage):
            override = override.replace(secret, MASK)
    return str(redact(override))
