"""Code that talks to the user at the terminal: debuggers, and functions that ask."""

from __future__ import annotations

import bdb
import builtins
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


def is_debugged() -> bool:
    """Say whether a debugger, or another tool that traces, is at work in this process."""
    monitoring = getattr(sys, "monitoring", None)
    return sys.gettrace() is not None or (monitoring is not None and monitoring.get_tool(0) is not None)


def can_ask() -> bool:
    """Say whether somebody may answer: worker processes read from nothing."""
    try:
        return not os.path.samestat(os.fstat(sys.stdin.fileno()), Path(os.devnull).stat())
    except (OSError, ValueError, AttributeError):  # a stream that is closed, missing, or no file's
        return False


@contextmanager
def before_dialogue(prepare: Callable[[], None]) -> Iterator[None]:
    """Call `prepare` when the code inside calls a debugger or `input`: those need the terminal for themselves."""
    set_trace, ask = bdb.Bdb.set_trace, builtins.input

    def prepare_and_trace(debugger: bdb.Bdb, frame: FrameType | None = None, *args: Any) -> None:
        prepare()
        set_trace(debugger, frame or sys._getframe().f_back, *args)  # noqa: SLF001 - as `bdb` does

    def prepare_and_ask(*prompt: Any) -> str:
        prepare()
        return ask(*prompt)

    # `breakpoint` and the debuggers' own `set_trace` all come here, and say which frame called them.
    bdb.Bdb.set_trace = prepare_and_trace  # type: ignore[method-assign,assignment]
    builtins.input = prepare_and_ask
    try:
        yield
    finally:
        bdb.Bdb.set_trace = set_trace  # type: ignore[method-assign]
        builtins.input = ask
