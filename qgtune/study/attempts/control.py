"""What somebody beside a running sweep wants of it: the study is the channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qgtune.study.attempts.ledger import Stop
from qgtune.study.optuna_private import id_of, storage_of
from qgtune.study.storages.exclusive import exclusively

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna

ATTRIBUTE = "qgtune:control"
"""The study's attribute that has it."""
FINISHED = Stop("enough", "qgtune finish asked for no more trials")


@dataclass(frozen=True, slots=True)
class Control:
    """What is wanted.

    Attributes:
        finish: whether no more trials are to start, and the sweep to end.
        pause: whether no trial is to start for now.
        stops: how running trials are to end, `failed` or `pruned`, by their number as text.
    """

    finish: bool = False
    pause: bool = False
    stops: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, study: optuna.Study) -> Control:
        """Read it; whatever other code wrote there counts as nothing."""
        stored = storage_of(study).get_study_user_attrs(id_of(study)).get(ATTRIBUTE)
        known: dict[str, Any] = stored if isinstance(stored, dict) else {}
        return cls(**{key: value for key, value in known.items() if key in ("finish", "pause", "stops")})

    def with_stop(self, number: int, end: str) -> Control:
        """Return it with one more trial that is to end."""
        return replace(self, stops={**self.stops, str(number): end})


def steer(study: optuna.Study, change: Callable[[Control], Control]) -> None:
    """Change what is wanted of the sweeps on a study; they look about once a second."""

    def write() -> None:
        before = Control.of(study)
        if (after := change(before)) != before:
            study.set_user_attr(ATTRIBUTE, asdict(after))

    exclusively(storage_of(study), write)
