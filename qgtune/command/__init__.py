"""The command `qgtune`: looking at studies, checking files, going on with a sweep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and end the process: 0 when all went well, 1 for a user's mistake, 2 for wrong usage.

    Args:
        arguments: what follows the command's name; None takes the command line.
    """
    from qgtune.command.app import run

    sys.exit(run(arguments))
