"""What it takes to open a study; it travels to the workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgtune.study.algorithms.informed import Knowledge
from qgtune.study.objectives import Objectives

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.study.storages.addresses import Storage


@dataclass(frozen=True, slots=True)
class StudySpec:
    """What it takes to open a study.

    Attributes:
        name: the study's name in its storage.
        storage: the path of a journal file, a URL, or a mapping with a `_target_`; None or `memory` for memory only.
        objectives: what it optimises.
        sampler: `_target_` mapping of the sampler; None means Optuna's default.
        pruner: `_target_` mapping of the pruner; None means Optuna's default.
        seed: the root of all random streams; None draws from the system.
        settings: the digest of all that is not sampled; empty where nobody took it.
        folder: where the trials' records are; empty where there are none.
        knowledge: what the sampler knows beside the study.
    """

    name: str
    storage: Storage
    objectives: Objectives = Objectives()  # noqa: RUF009 - frozen
    sampler: Mapping[str, Any] | None = None
    pruner: Mapping[str, Any] | None = None
    seed: int | None = None
    settings: str = ""
    folder: str = ""
    knowledge: Knowledge = Knowledge()  # noqa: RUF009 - frozen
