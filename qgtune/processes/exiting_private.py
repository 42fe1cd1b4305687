"""What multiprocessing does when a process exits, done earlier: it has no public name for it."""

from __future__ import annotations

from multiprocessing import util


def exit_multiprocessing() -> None:
    """End this process's pools and daemonic children; nothing happens when the process exits later on."""
    util._exit_function()  # type: ignore[attr-defined]
