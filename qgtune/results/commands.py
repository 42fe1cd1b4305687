"""The commands with which a user goes on from a study, as texts for a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Any

    import optuna

PROGRAM = "qgtune:program"
NOT_REPEATED = ("hydra.mode=", "hydra.sweep.dir=")


def note_program(study: optuna.Study, program: Sequence[str]) -> None:
    """Note in a study how its app is started, for whoever looks at it later."""
    if program_of(study.user_attrs) != list(program):
        study.set_user_attr(PROGRAM, shlex.join(program))


def program_of(attributes: Mapping[str, Any]) -> list[str]:
    """Return how a study's app is started, from the study's attributes; empty if that was not noted."""
    program = attributes.get(PROGRAM)
    return shlex.split(program) if isinstance(program, str) else []


def run_command(program: Sequence[str], best_config: Path) -> str:
    """Return the command that runs a written best config."""
    path = best_config.absolute()
    return shlex.join([*program, "--config-path", str(path.parent), "--config-name", path.stem])


def resume_command(program: Sequence[str], overrides: Sequence[str], folder: Path) -> str:
    """Return the command that goes on with the sweep in `folder`.

    Args:
        program: how the app is started.
        overrides: what stood on the sweep's command line.
        folder: the sweep folder.
    """
    kept = [override for override in overrides if not override.startswith(NOT_REPEATED)]
    return shlex.join([*program, "--multirun", *kept, f"hydra.sweep.dir={folder}"])


def dashboard_command(storage: str) -> str:
    """Return the command that shows a storage's studies in a browser."""
    return f"optuna-dashboard {shlex.quote(storage)}"


def report_command(source: str) -> str:
    """Return the command that writes the report again."""
    return f"qgtune report {shlex.quote(source)}"
