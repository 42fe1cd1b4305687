"""What the fork server has imported, and whether processes may be forked from it.

Imported in the fork server only as what it preloads; `multiprocessing` gives no other way in.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import pkgutil
import random
import signal
import sys
from contextlib import suppress
from multiprocessing import process, spawn
from pathlib import Path
from typing import Any

from qgtune.processes.family import FAMILY, descendants

VARIABLE = "QGTUNE_PRELOAD"
"""Names what to import, as JSON: our own modules, and what `multiprocessing` tells a spawned process of the script."""
verdict = "it was not started by us"
"""What `load` returned in the server that this process was forked from."""
_random_states: list[tuple[Any, Any]] = []
"""Before and after the script's import, of `random` and of numpy; empty in a server that was started by others."""


def load(text: str) -> str:
    """Import our own modules, then the script.

    Args:
        text: what the variable holds.

    Returns:
        Why a process forked from here might not be what a spawned one is; the empty text if nothing was found.
    """
    task = json.loads(text)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # a terminal that closes: the processes answer, not we
    for name in task["modules"]:
        importlib.import_module(name)
    before = _of_this_process()
    for name in task["calls"]:
        pkgutil.resolve_name(name)()
    before_script = _random_state()
    this: Any = process.current_process()
    this._inheriting = True  # as in a spawned process: the script may start no others while it is imported
    try:
        spawn.prepare(task["script"])
    except BaseException:  # noqa: BLE001 - `sys.exit`, too: a spawned process shows the user what it is
        os._exit(1)
    del this._inheriting
    _random_states[:] = zip(before_script, _random_state(), strict=True)
    return _doubt(before, _of_this_process())


def adopt(environment: dict[str, str]) -> None:
    """Make a forked process what a spawned one is: its environment, its mark, its random numbers."""
    _mark(environment.get(FAMILY, ""))
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    _restore_random_states()


def _of_this_process() -> tuple[int, set[str], int]:
    """Return how many threads, which open files and how many children this process has."""
    listed = [f"{path.name} {_target(path)}" for path in Path("/proc/self/fd").iterdir()]
    opened = {text for text in listed if not text.endswith("/fd")}
    return len(list(Path("/proc/self/task").iterdir())), opened, len(descendants(os.getpid()))


def _target(path: Path) -> str:
    with suppress(OSError):
        return str(path.readlink())
    return "/fd"  # the one that listed the folder, closed since


def _doubt(before: tuple[int, set[str], int], after: tuple[int, set[str], int]) -> str:
    if after[0] > before[0]:
        return "its import starts threads"
    if opened := sorted(text.split(" ", 1)[1] for text in after[1] - before[1]):
        return f"its import leaves {opened[0]} open"
    if after[2] > before[2]:
        return "its import starts processes"
    torch = sys.modules.get("torch")
    return "its import initializes CUDA" if torch is not None and torch.cuda.is_initialized() else ""


def _random_state() -> tuple[Any, Any]:
    numpy = sys.modules.get("numpy")
    return random.getstate(), None if numpy is None else repr(numpy.random.get_state(legacy=False))


def _restore_random_states() -> None:
    """Keep a seed that the script set when it was imported; where it set none, start where no other process does.

    Python does the latter to its own generator at each fork.
    """
    if not _random_states:
        return
    (before, after), (numpy_before, numpy_after) = _random_states
    if before != after:
        random.setstate(after)
    if numpy_before == numpy_after and "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()


def _mark(mark: str) -> None:
    """Write this process's mark over the server's, where `/proc` shows it.

    What a process shows there is what lay in its memory at its start, and its children show what lies in it then.
    """
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    place = libc.getenv(FAMILY.encode())
    if place and len(ctypes.string_at(place)) >= len(mark):
        ctypes.memmove(place, mark.encode(), len(mark))


if VARIABLE in os.environ:
    verdict = load(os.environ.pop(VARIABLE))
