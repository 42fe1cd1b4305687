"""QuantumGrav's tags, and texts that name Python objects, as its `!pyobject` tags do."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any

PYOBJECT = "!pyobject "
TAGS = ("sweep", "coupled-sweep", "range", "random_uniform", "reference")
"""The other ones."""


def objects(config: Any, allow: Sequence[str]) -> Any:
    """Replace each text `"!pyobject a.b.C"` of a config by the object that it names. Nothing is called.

    Args:
        config: a config of OmegaConf's, or plain data.
        allow: the packages or modules that objects may come from, such as `("torch", "QuantumGrav")`.

    Returns:
        Plain dicts and lists, interpolations resolved.

    Raises:
        QGTuneError: with each object of another package, and each that cannot be imported.
        TypeError: when `allow` is one text.
    """
    from omegaconf import OmegaConf

    from qgtune.errors import QGTuneError

    if isinstance(allow, str):
        raise TypeError("allow must be a list of names, not one text")
    data = OmegaConf.to_container(config, resolve=True) if OmegaConf.is_config(config) else config
    problems: list[str] = []
    found = _replaced(data, tuple(allow), "", problems)
    if problems:
        raise QGTuneError(*problems)
    return found


def _replaced(node: Any, allow: tuple[str, ...], path: str, problems: list[str]) -> Any:
    if isinstance(node, Mapping):
        return {key: _replaced(item, allow, f"{path}.{key}", problems) for key, item in node.items()}
    if isinstance(node, list):
        return [_replaced(item, allow, f"{path}.{index}", problems) for index, item in enumerate(node)]
    if not isinstance(node, str) or not node.startswith(PYOBJECT):
        return node
    name = node.removeprefix(PYOBJECT).strip()
    if not any(name == one or name.startswith(f"{one}.") for one in allow):
        allowed = ", ".join(allow) or "nothing"
        problems.append(f"Cannot take {name} for {path[1:]}: only {allowed} is allowed. Add its package to `allow`.")
        return None
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        from qgtune.errors import first_line

        problems.append(f"Cannot take {name} for {path[1:]}: {first_line(error)}.")
        return None
