"""Where this package runs."""

from __future__ import annotations

import sys

from qgtune.errors import QGTuneError


def refuse_windows() -> None:
    """Refuse a system that has neither the signals nor the locks that workers live by.

    Raises:
        QGTuneError: on Windows.
    """
    if sys.platform == "win32":
        raise QGTuneError("Cannot tune on Windows: workers need the signals and locks of Linux or macOS. Use WSL.")
