"""What a trial ran with, beside its config: where, when, and with which code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qgtune.files import write_whole
from qgtune.results.recorded import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """What is of one attempt alone; what a sweep's attempts have in common is in `provenance.json`.

    Attributes:
        sweep: which of the sweeps in `provenance.json` ran it.
        started: when, ISO 8601.
        host: where.
        pid: in which process.
        device: the GPUs that it could see, as `CUDA_VISIBLE_DEVICES` names them; None for no restriction.
        ended: when; None while it runs, and where its process died.
        end: how.
        code: the digest of the project's code that its process had loaded; None where nobody looked.
        changed: the files of that code which had changed since the sweep started, and their digests.
    """

    sweep: str
    started: str
    host: str
    pid: int
    device: str | None = None
    ended: str | None = None
    end: str | None = None
    code: str | None = None
    changed: dict[str, str] | None = None

    def write(self, folder: Path, number: int) -> None:
        """Keep it as that of a trial, beside the record of its config.

        Raises:
            OSError: when it cannot be written.
        """
        write_whole(_file(folder, number), json.dumps(asdict(self)) + "\n", sync=False)

    @classmethod
    def read(cls, folder: Path, number: int) -> TrialFacts | None:
        """Read it; None where there is none that can be read."""
        try:
            return cls(**json.loads(_file(folder, number).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def changed_code(folder: Path, sweep: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Return the files that changed during a sweep, with the trials that ran with each of their contents.

    Args:
        folder: of the sweep.
        sweep: its name in the trials' facts.
        numbers: of the trials that may be the sweep's.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for number in numbers:
        facts = TrialFacts.read(folder, number)
        if facts is not None and facts.sweep == sweep:
            for change in (facts.changed or {}).items():
                found.setdefault(change, []).append(number)
    return [{"file": path, "digest": digest, "trials": trials} for (path, digest), trials in sorted(found.items())]


def _file(folder: Path, number: int) -> Path:
    return folder / FOLDER / f"{number}.json"
