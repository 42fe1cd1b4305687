"""A search space or a dependency mapping as it was given: a node of the config, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import QGTuneError, first_line
from qgtune.space.reading.tagged import load_space
from qgtune.space.reading.yaml_files import load_yaml_file


@dataclass(frozen=True, slots=True)
class Given:
    """A node of the config or the content of the file that it names.

    Attributes:
        data: plain data; None when nothing was given.
        source: the file, or the config's path of the node.
        follows: the dependencies that tags in a search space mean; None for none.
    """

    data: Any
    source: str
    follows: Any = None


def read_given(config: DictConfig, key: str) -> Given:
    """Read `hydra.sweeper.search_space` or `.dependencies`, raw: interpolations stay text.

    Args:
        config: a composed config, with its `hydra` node.
        key: which of the two. A text names a YAML file, relative to the folder that the command was run in.

    Raises:
        QGTuneError: when the file is missing or is no YAML.
    """
    value = raw_node(config, key)
    if isinstance(value, str):
        value = config.hydra.sweeper[key]
    if isinstance(value, str) and key == "search_space":
        data, follows = load_space(Path(config.hydra.runtime.cwd, value))
        return Given(data, value, follows)
    if isinstance(value, str):
        return Given(load_yaml_file(Path(config.hydra.runtime.cwd, value), key.replace("_", " ")), value)
    if OmegaConf.is_config(value):
        value = OmegaConf.to_container(value, resolve=False)
    if key == "search_space":
        value = _with_ends(value, config.hydra.sweeper[key])
    return Given(value, f"hydra.sweeper.{key}")


def raw_node(config: DictConfig, key: str) -> Any:
    """Return a node of `hydra.sweeper` as it was written, interpolations as text; None if there is none."""
    raw = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    return raw.get(key) if isinstance(raw, dict) else None


def _with_ends(raw: Any, node: Any, path: str = "") -> Any:
    """Resolve the ends of ranges: unlike choices they have to be numbers before the first trial."""
    if isinstance(raw, dict) and raw.get("type") == "tuple":
        try:
            return OmegaConf.to_container(node, resolve=True)
        except OmegaConfBaseException as error:
            raise QGTuneError(f"Cannot use {path} of hydra.sweeper.search_space: {first_line(error)}.") from None
    if isinstance(raw, dict):
        return {
            key: _with_ends(item, _inside(node, key, item), f"{path}.{key}".lstrip(".")) for key, item in raw.items()
        }
    if isinstance(raw, list):
        return [_with_ends(item, _inside(node, index, item), f"{path}.{index}") for index, item in enumerate(raw)]
    return raw


def _inside(node: Any, key: Any, raw: Any) -> Any:
    return node[key] if isinstance(raw, (dict, list)) else None
