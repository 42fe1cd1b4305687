"""What Hydra says of QuantumGrav's tags in its own config files, which hold none. Hydra imports this in every app."""

from __future__ import annotations

from typing import Any

import yaml

from qgtune.errors import QGTuneError
from qgtune.objects import TAGS


def name_the_way_out() -> None:
    """Let the loaders that OmegaConf's derives from refuse the tags in one line, unless somebody reads them."""
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        for tag in (f"!{name}" for name in (*TAGS, "pyobject")):
            if tag not in loader.yaml_constructors:
                loader.add_constructor(tag, _refuse)


def _refuse(_loader: Any, node: yaml.Node) -> Any:
    """Refuse a tag.

    Raises:
        QGTuneError: with the file, the line, and the command that splits such a file.
    """
    mark = node.start_mark
    raise QGTuneError(
        f"Cannot read {mark.name}, line {mark.line + 1}: Hydra's config files hold no tags such as {node.tag}. Run: "
        f"qgtune convert {mark.name}"
    )
