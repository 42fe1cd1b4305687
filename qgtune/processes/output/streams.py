"""The standard streams of Python code, which stay whatever a function makes of them."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_DESCRIPTORS = {"stdout": 1, "stderr": 2}


@contextmanager
def kept_streams() -> Iterator[None]:
    """Put `sys.stdout` and `sys.stderr` back after what runs inside, or open them again if it has closed them."""
    before = {name: getattr(sys, name) for name in _DESCRIPTORS}
    try:
        yield
    finally:
        for name, stream in before.items():
            usable = stream if _is_usable(stream) else _reopened(name, stream)
            if getattr(sys, name) is not usable:
                with suppress(Exception):  # whatever the function has put there
                    getattr(sys, name).flush()
                setattr(sys, name, usable)
            if usable is not stream:
                _tell_handlers(stream, usable)


def _is_usable(stream: Any) -> bool:
    try:
        return stream is None or not stream.closed
    except (ValueError, AttributeError):  # detached from its buffer; or no file, which is its owner's concern
        return not hasattr(stream, "buffer") and not isinstance(stream, type(sys.__stdout__))


def _reopened(name: str, closed: Any) -> Any:
    try:
        opened = open(_DESCRIPTORS[name], "w", buffering=1, closefd=False, errors="backslashreplace")  # noqa: SIM115
    except OSError:  # its descriptor is closed as well
        return Path(os.devnull).open("w")
    with suppress(AttributeError, ValueError, LookupError):
        opened.reconfigure(encoding=closed.encoding, errors=closed.errors)
    return opened


def _tell_handlers(closed: Any, opened: Any) -> None:
    """Let what is logged go on to a stream that was opened again: Hydra's handlers hold the one from before."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if isinstance(handler, logging.StreamHandler) and handler.stream is closed:
            handler.stream = opened
