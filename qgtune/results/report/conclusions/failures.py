"""What failed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.results.report.study_state import reason_of
from qgtune.space.wording import cut

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

LONGEST = 160


def failures(known: Known) -> Conclusion | None:
    """Say how many trials failed for good, and why most of them did; silent if none did."""
    failed = _for_good(known)
    if not failed:
        return None
    n_all = len(failed) + len(known.finished)
    reasons = Counter(reason_of(trial) for trial in failed)
    latest = max(reversed(failed), key=lambda trial: reasons[reason_of(trial)])
    reason, n = reason_of(latest), reasons[reason_of(latest)]
    which = "" if len(reasons) == 1 else f", {n:,} of them" if n > 1 else ", the latest"
    text = f"{len(failed):,} of {n_all:,} trials failed{which} with: {cut(reason, LONGEST)}"
    return Conclusion(text if text.endswith((".", "…")) else f"{text}.", known.rerun(latest.number))


def _for_good(known: Known) -> list[FrozenTrial]:
    """Return the failed trials that no later attempt made up for, nor is to."""
    attempts = [(trial, known.attempts[trial.number]) for trial in known.state.trials]
    latest = {attempt.first(trial.number): trial.number for trial, attempt in attempts}
    return [
        trial
        for trial, attempt in attempts
        if trial.state == TrialState.FAIL
        and attempt.end in ("failed", "lost")
        and latest[attempt.first(trial.number)] == trial.number
    ]
