"""What a study may cost: hours of GPUs and of workers, reported steps, configurations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgtune import checks
from qgtune.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgtune.study.costs.spent import Spent

UNBOUNDED = 10**9
"""The total of a study that its budget ends."""
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Budget:
    """What a study may cost, all its sweeps and attempts together; None means no limit.

    Attributes:
        gpu_hours: hours of attempts, times the GPUs of their workers.
        worker_hours: hours of attempts.
        epochs: steps that are reported.
        trials: configurations; the total of the study is no higher.
    """

    gpu_hours: float | None = None
    worker_hours: float | None = None
    epochs: int | None = None
    trials: int | None = None

    @classmethod
    def read(cls, given: Any) -> Budget | None:
        """Read the setting.

        Raises:
            ValueError: when it is no mapping of units to numbers above zero.
        """
        if given is None:
            return None
        known = checks.mapping(given)
        if not known:
            raise ValueError("give gpu_hours, worker_hours, epochs or trials")
        for unit, amount in known.items():
            if unit not in cls.__slots__:
                raise ValueError(f"there is no unit {unit!r}.{did_you_mean(unit, cls.__slots__)}")
            check = checks.whole(1) if unit in ("epochs", "trials") else checks.number(0, float("inf"))
            try:
                check(amount)
            except ValueError as error:
                raise ValueError(f"{unit}: {error}") from None
        return cls(**known)

    def parts(self, spent: Spent) -> Iterator[tuple[str, float, float]]:
        """Yield each unit that ends the study in words, how much of it is spent, and how much there is."""
        if self.gpu_hours is not None:
            yield "GPU hours", spent.gpu_s / HOUR_S, self.gpu_hours
        if self.worker_hours is not None:
            yield "worker hours", spent.worker_s / HOUR_S, self.worker_hours
        if self.epochs is not None:
            yield "epochs", spent.epochs, self.epochs

    def end(self, spent: Spent) -> str:
        """Say that it is spent; the empty text if it is not."""
        return next((f"the budget of {all_:g} {unit} is spent" for unit, n, all_ in self.parts(spent) if n >= all_), "")

    @property
    def has_hours(self) -> bool:
        """Whether time alone spends it."""
        return (self.gpu_hours, self.worker_hours) != (None, None)
