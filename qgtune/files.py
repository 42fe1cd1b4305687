"""Result files: writing them whole or not at all, and naming them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from qgtune.space.reading.yaml_files import dump_yaml


def write_once(path: Path, data: Any) -> bool:
    """Write YAML to `path` unless it exists; of several processes that try at once, one wins.

    Returns:
        Whether this call wrote it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(dump_yaml(data))
        return _link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> bool:
    temporary.chmod(0o644)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        with contextlib.suppress(FileExistsError):
            temporary.rename(path)
    return True


def short_path(path: Path) -> str:
    """Return a path as a user would type it here: relative when it lies below the working folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
