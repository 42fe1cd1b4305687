"""Which options of config groups tell, once composed, what no other option has told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hydra.core.config_loader import ConfigLoader

    from qgtune.space.model import Hyperparameter


def each_shape_once(
    groups: tuple[Hyperparameter, ...], base: tuple[Any, ...], config_loader: ConfigLoader, master: DictConfig
) -> Iterator[tuple[Any, ...]]:
    """Yield the options to compose before a sweep starts: one of each group beside the base options of the others.

    An option that differs from another one in plain values alone composes as that one does, and waits for the first
    trial that draws it. To read its file takes 3 ms, to compose it 80.

    Args:
        groups: the choices between config groups.
        base: the options of the base settings, in the same order; they come first.
        config_loader: Hydra's.
        master: the config of the sweep; where parts of it are typed, texts are no plain values.
    """
    yield base
    shapes = _Shapes(config_loader, texts_matter=_is_typed(master))
    for place, group in enumerate(groups):
        seen = {shapes.of(group.path, base[place])}
        for option in group.choices:
            shape = shapes.of(group.path, option)
            if option != base[place] and (shape is None or shape not in seen):
                seen.add(shape)
                yield (*base[:place], option, *base[place + 1 :])


@dataclass(frozen=True, slots=True)
class _Shapes:
    config_loader: ConfigLoader
    texts_matter: bool

    def of(self, path: str, option: Any) -> str | None:
        """Return an option's config with its plain values left out; None where its file alone does not tell."""
        found = self._file(f"{path.split('@', maxsplit=1)[0]}/{option}") if isinstance(option, str) else None
        if found is None or str(found.header.get("package")).startswith("hydra"):
            return None
        config = found.config
        if not isinstance(config, DictConfig) or "hydra" in config or "defaults" in config:
            return None
        return repr((found.header, self._without_values(OmegaConf.to_container(config, resolve=False))))

    def _file(self, path: str) -> Any:
        try:
            source = next((source for source in self.config_loader.get_sources() if source.is_config(path)), None)
            return None if source is None else source.load_config(path)
        except Exception:  # noqa: BLE001 - whatever it is, composing the option says it in Hydra's words
            return None

    def _without_values(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {key: self._without_values(value) for key, value in node.items()}
        if isinstance(node, list):
            return [self._without_values(value) for value in node]
        if isinstance(node, str) and (self.texts_matter or "${" in node or node == "???"):
            return node
        return type(node).__name__


def _is_typed(node: Any) -> bool:
    """Tell whether a config has a schema anywhere, Hydra's own node aside."""
    return isinstance(node, DictConfig) and (
        OmegaConf.get_type(node) is not dict or any(_is_typed(node[key]) for key in node if _is_there(node, key))
    )


def _is_there(node: DictConfig, key: Any) -> bool:
    return key != "hydra" and not OmegaConf.is_missing(node, key) and not OmegaConf.is_interpolation(node, key)
