"""The `search_space` of the official sweeper's first release, which many project templates still hold.

    optimizer.lr: {type: float, low: 1e-4, high: 0.2, log: true}
    data.batch_size: {type: categorical, choices: [32, 64]}

Later releases of it want the same as `params`, in the grammar of the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgtune.errors import QGTuneError
from qgtune.space.model import Hyperparameter, categorical
from qgtune.space.nodes import NodeError, range_of
from qgtune.space.paths import format_path, parse_path

_KEYS = {
    "categorical": {"type", "choices"},
    "int": {"type", "low", "high", "step", "log"},
    "float": {"type", "low", "high", "step", "log"},
}


def is_official(space: Any) -> bool:
    """Say whether a search space has the official sweeper's form: paths at the top, each with one range."""
    return isinstance(space, Mapping) and bool(space) and all(_is_range(node) for node in space.values())


def _is_range(node: Any) -> bool:
    if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
        return False
    return "value" not in node and set(node) <= _KEYS.get(node["type"], set())


def read_official(space: Mapping[str, Any], source: str) -> list[Hyperparameter]:
    """Read a search space in the official sweeper's form.

    Raises:
        QGTuneError: with each range that is none.
    """
    found: list[Hyperparameter] = []
    problems: list[str] = []
    for key, node in space.items():
        path = format_path(parse_path(str(key).lstrip("+")))
        add = str(key).startswith("+")
        try:
            if node["type"] == "categorical":
                found.append(categorical(path, list(node.get("choices") or ()), source, add=add))
            else:
                distribution, _ = range_of(_range(node))
                found.append(Hyperparameter(path, distribution, source, add=add))
        except NodeError as error:
            problems.append(f"Cannot use {path} of {source}: {error}.")
        except QGTuneError as error:
            problems.extend(error.problems)
    if problems:
        raise QGTuneError(*problems)
    return found


def _range(node: Mapping[str, Any]) -> list[Any]:
    missing = [key for key in ("low", "high") if node.get(key) is None]
    if missing:
        raise NodeError(f"it has no {' and no '.join(missing)}")
    kind = float if node["type"] == "float" else int
    ends = [kind(node["low"]), kind(node["high"])]
    if node.get("log"):
        return [*ends, True]
    return [*ends, node["step"]] if node.get("step") is not None else ends
