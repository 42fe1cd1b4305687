"""Ranks: processes that a distributed training starts by running the same script once more."""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.live import TRIAL
from qgtune.processes.starting import restored

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZES = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")
_RANKS = ("RANK", "LOCAL_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")
_OF_RANKS = (*_SIZES, *_RANKS, "NODE_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class OwnTrial:
    """The trial that a process runs a part of.

    Attributes:
        sweep: the sweep folder, absolute.
        number: the trial's.
        folder: its output folder, absolute.
        checkpoints: the folder for what its configuration keeps between attempts, absolute.
        last_step: the last step that earlier attempts reported; None for none.
    """

    sweep: str
    number: int
    folder: str
    checkpoints: str = ""
    last_step: int | None = None

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell the processes that are started inside; what a training does for its ranks does not outlive it.

        Lightning's `ddp` leaves variables and a process group, with which the next training of this process would wait
        for ranks that are gone.
        """
        try:
            with restored((TRIAL, *_OF_RANKS)):
                os.environ[TRIAL] = json.dumps(asdict(self))
                yield
        finally:
            distributed: Any = sys.modules.get("torch.distributed")
            if distributed is not None and distributed.is_available() and distributed.is_initialized():
                distributed.destroy_process_group()


def trial_of_this_rank() -> OwnTrial | None:
    """Return the trial whose function started this process as a rank other than its first; None if none did."""
    if TRIAL in os.environ and _number(_SIZES) > 1 and _number(_RANKS) > 0:
        return OwnTrial(**json.loads(os.environ[TRIAL]))
    return None


def refuse_ranks() -> None:
    """Refuse to tune in each rank of a training: each would sample values of its own.

    Raises:
        QGTuneError: when this process is one of several ranks.
    """
    size = _number(_SIZES)
    if size > 1 and any(name in os.environ for name in _RANKS):
        name = next(name for name in _SIZES if name in os.environ)
        raise QGTuneError(
            f"Cannot tune in each of {size} ranks ({name}={size}): each would sample values of its own. Start the "
            "sweep without torchrun or mpirun, and let each trial start its ranks: return "
            f"qgtune.ddp.run(train, config, world_size={size}). See docs/ddp.md."
        )


def _number(names: tuple[str, ...]) -> int:
    """Return the highest of some variables, as far as they are numbers."""
    return max((int(text) for name in names if (text := os.environ.get(name, "")).isdecimal()), default=0)
