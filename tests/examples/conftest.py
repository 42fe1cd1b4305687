"""Makes the example's scripts importable, as they are for each other when they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hydra import compose, initialize_config_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omegaconf import DictConfig

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "examples"))


class Compose(Protocol):
    """Composes the example's config."""

    def __call__(self, *overrides: str) -> DictConfig:
        """Return the config with the overrides, dependencies not applied."""


@pytest.fixture
def composed() -> Iterator[Compose]:
    """Give a function that composes the example's config with some overrides."""
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        yield lambda *overrides: compose("config", overrides=list(overrides))


@pytest.fixture
def root() -> Path:
    """Give the repository's root."""
    return ROOT
