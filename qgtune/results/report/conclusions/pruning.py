"""What pruning saved."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from qgtune.results.configurations import number_of
from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.results.table import duration

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST = 5


def pruning(known: Known) -> Conclusion | None:
    """Compare the pruned trials' time with that of the median complete one.

    Silent with fewer than five trials of either kind, where trials pause at rungs, and where nothing was saved.
    """
    if any(attempt.end == "paused" for attempt in known.attempts.values()):
        return None
    complete, pruned = (_first_attempts(known, end) for end in ("complete", "pruned"))
    if min(len(complete), len(pruned)) < FEWEST:
        return None
    usual_s = median(map(_seconds, complete))
    saved_s = sum(max(usual_s - _seconds(trial), 0.0) for trial in pruned)
    all_s = sum(map(_seconds, [*complete, *pruned])) + saved_s
    if saved_s <= 0 or all_s <= 0:
        return None
    latest = max(pruned, key=lambda trial: (max(trial.intermediate_values, default=-1), trial.number))
    text = (
        f"Pruning ended {len(pruned):,} of {len(pruned) + len(complete):,} trials early and saved about "
        f"{duration(saved_s)} of trials, {saved_s / all_s:.0%}."
    )
    command = known.rerun(number_of(latest))
    check = f" Run trial {number_of(latest)}, which it ended latest, to its end to see what it cost." if command else ""
    return Conclusion(text + check, command)


def _first_attempts(known: Known, end: str) -> list[FrozenTrial]:
    """Return the trials that ended so in one go: a later attempt may have had less to do."""
    found = [(trial, known.attempts[trial.number]) for trial in known.finished if trial.duration is not None]
    return [trial for trial, attempt in found if attempt.end == end and attempt.repeats is None]


def _seconds(trial: FrozenTrial) -> float:
    taken = trial.duration
    return 0.0 if taken is None else taken.total_seconds()
