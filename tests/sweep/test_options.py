"""Which options of config groups are composed before a sweep starts, with Hydra's own loader of config files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_config_search_path
from omegaconf import OmegaConf

from qgtune.space.model import categorical
from qgtune.sweep.compose.options import each_shape_once

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Typed:
    """A schema, as an app registers one."""

    kind: str = "a"


def composed(folder: Path, files: dict[str, str], options: list[Any], config: Any = None) -> list[Any]:
    """Return the options of a group `opt` with these files that are composed; the first one is the base settings'."""
    (folder / "opt").mkdir()
    for name, text in files.items():
        (folder / "opt" / f"{name}.yaml").write_text(text)
    loader = ConfigLoaderImpl(create_config_search_path(str(folder)))
    group = categorical("opt", options, "the command line", add=False)
    master = OmegaConf.create({"hydra": {}, "opt": {} if config is None else config})
    return [one for (one,) in each_shape_once((group,), (options[0],), loader, master)]


def test_options_of_one_shape_are_composed_once(tmp_path: Path) -> None:
    """Thirty options that differ in numbers and names cost what one costs."""
    names = [f"o{number}" for number in range(30)]
    files = {name: f"name: {name}\nlayers: [{{width: {place}}}]\n" for place, name in enumerate(names)}
    assert composed(tmp_path, files, names) == ["o0"]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param("a: 1\nb: 2\n", id="one more key"),
        pytest.param("a: one\n", id="another type"),
        pytest.param("a: null\n", id="null"),
        pytest.param("a: ???\n", id="missing"),
        pytest.param("a: ${b}\n", id="an interpolation"),
        pytest.param("# @package other\na: 1\n", id="another package"),
        pytest.param("a: [1\n", id="no YAML"),
        pytest.param(None, id="no file"),
    ],
)
def test_an_option_of_another_shape_is_composed(tmp_path: Path, other: str | None) -> None:
    """Whatever composing may find out about an option, it finds out before the sweep starts."""
    files = {"base": "a: 1\n", "alike": "a: 2\n"} | ({} if other is None else {"other": other})
    assert composed(tmp_path, files, ["base", "alike", "other"]) == ["base", "other"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# @package hydra.sweeper\nn_trials: 1\n", id="in the node of the sweeper"),
        pytest.param("# @package _global_\nhydra: {sweeper: {n_trials: 1}}\n", id="with a part for hydra"),
        pytest.param("defaults: [x]\na: 1\n", id="with a defaults list"),
    ],
)
def test_an_option_that_brings_more_is_always_composed(tmp_path: Path, text: str) -> None:
    """What an option says of the sweep, or takes from elsewhere, does not show in its values."""
    assert composed(tmp_path, {"one": text, "two": text}, ["one", "two"]) == ["one", "two"]


def test_lists_of_options_are_composed(tmp_path: Path) -> None:
    """A list of options, or none, is no file of the group."""
    assert composed(tmp_path, {"a": "x: 1\n"}, ["a", "[a]", "null"]) == ["a", "[a]", "null"]


def test_texts_matter_in_a_typed_config(tmp_path: Path) -> None:
    """A schema may refuse one text and take another, an enumeration's names for example."""
    files = {name: f"kind: {name}\n" for name in ("a", "b")}
    assert composed(tmp_path, files, ["a", "b"], OmegaConf.structured(Typed)) == ["a", "b"]
