"""The examples of `docs/search_space.md` are spaces over their base settings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf

from qgtune.space.dependencies.resolvers import register_resolvers
from qgtune.space.dependencies.where import Where
from qgtune.space.points import base_point
from qgtune.space.reading.build import build_space, check_space
from qgtune.space.reading.yaml_files import load_yaml

PAGE = Path(__file__).parents[2] / "docs" / "search_space.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)


def parts_of(example: str) -> dict[str, Any]:
    """Return what stands below each comment line of an example."""
    found = re.split(r"^# (\w+)$", example, flags=re.MULTILINE)[1:]
    return {name: load_yaml(text, "the page") for name, text in zip(found[::2], found[1::2], strict=True)}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_page(example: str) -> None:
    """It is checked as a sweep checks it; its base settings are a point, and samples keep the constraints."""
    register_resolvers()
    parts = parts_of(example)
    config = OmegaConf.create(parts["base"])
    space = build_space(parts["space"], parts["base"], parts.get("dependencies"))
    check_space(space, config)
    assert space.hyperparameters
    assert base_point(space, config)[1] == []
    where = Where.read(parts.get("where"))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    broken = set()
    for _ in range(20):
        prepared = space.prepare(config)
        space.inject(prepared, space.suggest(study.ask()))
        OmegaConf.to_container(prepared, resolve=True)
        broken.add(where.broken(prepared))
    assert "" in broken
    assert len(broken) > 1 or not where


def test_the_page_has_examples() -> None:
    """One of each kind."""
    assert len(EXAMPLES) == 5
