"""Workers that were submitted, and that nobody waits for: the study tells when they will be through."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from qgtune.study.attempts.ledger import Ledger
from qgtune.study.attempts.limits import Limits, Start
from qgtune.study.attempts.promotion import Fidelity
from qgtune.study.costs.budget import Budget
from qgtune.study.optuna_private import id_of, storage_of
from qgtune.study.repeats.setting import Repeats

if TYPE_CHECKING:
    import optuna

    from qgtune.study.session import Session

ATTRIBUTE = "qgtune:submitted"
"""The study's attribute that has it; null once another sweep has taken over."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The latest submission.

    Attributes:
        limits: when its workers end.
        launcher: what runs them.
    """

    limits: Limits
    launcher: str

    @classmethod
    def of(cls, study: optuna.Study) -> Submission | None:
        """Read it; None where there is none."""
        stored = storage_of(study).get_study_user_attrs(id_of(study)).get(ATTRIBUTE)
        return cls(_limits(stored["limits"]), stored["launcher"]) if isinstance(stored, dict) else None

    def write(self, study: optuna.Study) -> None:
        """Let the study know it."""
        study.set_user_attr(ATTRIBUTE, {"limits": asdict(self.limits), "launcher": self.launcher})

    def seen_by(self, session: Session) -> Session:
        """Return a session that ends when its workers do."""
        return replace(session, limits=self.limits, ledger=Ledger())


def forget_submission(study: optuna.Study) -> None:
    """Let the study forget it: a sweep that stays takes over."""
    if Submission.of(study) is not None:
        study.set_user_attr(ATTRIBUTE, None)


def awaits_submitted(session: Session) -> bool:
    """Say whether submitted workers run on a study, or are to: only their cluster knows whether they will start."""
    found = Submission.of(session.study)
    if found is None:
        return False
    trials = session.study.get_trials(deepcopy=False)
    is_running = any(trial.state == TrialState.RUNNING for trial in trials)
    return is_running or isinstance(found.seen_by(session).decide(), Start)


def _limits(stored: dict[str, Any]) -> Limits:
    nested: dict[str, Any] = {"fidelity": Fidelity, "budget": Budget, "repeats": Repeats}
    made = {name: kind(**stored[name]) for name, kind in nested.items() if stored.get(name) is not None}
    return Limits(**{**stored, **made, "maximize": tuple(stored["maximize"])})
