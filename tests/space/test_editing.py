"""Setting a leaf of a config directly, beside setting it as OmegaConf does."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Optional, Union

import pytest
from omegaconf import MISSING, OmegaConf, flag_override
from omegaconf.errors import OmegaConfBaseException

from qgtune.space.leaves_private import set_leaf


class Color(Enum):
    """Two colors."""

    RED = 1
    BLUE = 2


@dataclass
class Typed:
    """A leaf of each type."""

    whole: int = 1
    number: float = 1.5
    flag: bool = True
    text: str = "a"
    color: Color = Color.RED
    path: Path = Path("a")
    raw: bytes = b"a"
    maybe: Optional[int] = None  # noqa: UP045 - as OmegaConf reads it on Python 3.10
    either: Union[int, str] = 1  # noqa: UP007 - likewise
    anything: Any = 1
    missing: int = MISSING
    follows: int = "${whole}"  # type: ignore[assignment]
    several: list[int] = field(default_factory=lambda: [1, 2])
    named: dict[str, float] = field(default_factory=lambda: {"a": 1.0})


TEXTS = ["x", "7", "BLUE", "???", "${whole}", "${nope}"]
VALUES = [0, -3, 2.5, float("inf"), True, None, Color.BLUE, Path("b"), b"b", *TEXTS]
LEAVES = [name for name in Typed.__dataclass_fields__ if name not in ("several", "named")]
PLAIN: dict[str, Any] = {"whole": 1, "text": "a", "nothing": None, "missing": "???", "follows": "${whole}"}


def by_omegaconf(node: Any, key: Any, value: Any) -> Any:
    """Set a value the usual way; return what stands there then, or the error's first line."""
    try:
        with flag_override(node, ["struct"], [False]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # OmegaConf 2.4 has doubts about some conversions
            node[key] = value
    except OmegaConfBaseException as error:
        return str(error).splitlines()[0]
    return OmegaConf.to_container(node, resolve=False, throw_on_missing=False)


def directly(node: Any, key: Any, value: Any) -> Any:
    """Set it directly, likewise, or the usual way where that is refused."""
    before = node.copy()
    if set_leaf(node, key, value):
        return OmegaConf.to_container(node, resolve=False, throw_on_missing=False)
    assert node == before
    return by_omegaconf(node, key, value)


@pytest.mark.parametrize("name", LEAVES)
def test_fields_of_dataclasses(name: str) -> None:
    """Whatever a leaf holds and takes, both ways make the same config, or fail with the same words."""
    config = OmegaConf.structured(Typed)
    for value in VALUES:
        assert directly(config.copy(), name, value) == by_omegaconf(config.copy(), name, value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_mappings_and_lists(value: Any) -> None:
    """Mappings and lists without types, closed or not; elements of typed ones."""
    config, items, typed = OmegaConf.create(PLAIN), OmegaConf.create([*PLAIN.values()]), OmegaConf.structured(Typed)
    OmegaConf.set_struct(config, value=True)
    leaves = [*((config, name) for name in PLAIN), *((items, place) for place in range(len(PLAIN)))]
    for node, key in (*leaves, (typed.several, 0), (typed.named, "a")):
        assert directly(node.copy(), key, value) == by_omegaconf(node.copy(), key, value)


@pytest.mark.parametrize(
    ("key", "value"),
    [("absent", 1), ("node", 1), ("items", None), ("x", [1]), ("x", {"a": 1})],
)
def test_what_is_no_leaf_is_left_to_omegaconf(key: str, value: Any) -> None:
    """Absent keys, containers, and values that are containers."""
    config = OmegaConf.create({"x": 1, "node": {"y": 1}, "items": [1]})
    assert not set_leaf(config, key, value)
    assert config == {"x": 1, "node": {"y": 1}, "items": [1]}


def test_read_only_nodes_are_left_to_omegaconf() -> None:
    """They are opened first."""
    config = OmegaConf.create({"x": 1})
    OmegaConf.set_readonly(config, value=True)
    assert not set_leaf(config, "x", 2)
    assert config.x == 1
