"""`provenance.json`: what the sweeps of a folder ran with, one entry each time that the sweep was started."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from qgtune.files import write_whole

FILE = "provenance.json"
PARTS = Path(".qgtune", "provenance")


def write(folder: Path, sweep: str, entry: dict[str, Any]) -> None:
    """Write or replace the entry of a sweep, and the file that has all of them.

    Each sweep writes a part of its own: two may run in one folder at a time.

    Raises:
        OSError: when it cannot be written.
    """
    name = re.sub(r"[^\w.-]", "_", sweep)
    write_whole(folder / PARTS / f"{name}.json", json.dumps(entry), sync=False)
    entries = [found for path in (folder / PARTS).glob("*.json") if (found := _read(path)) is not None]
    entries.sort(key=lambda found: str(found.get("started")))
    write_whole(folder / FILE, json.dumps({"sweeps": entries}, indent=2, ensure_ascii=False) + "\n", sync=False)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
