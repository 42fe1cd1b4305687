"""How busy the workers were."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.results.report.study_state import end_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from qgtune.study.attempts.owner import Owner

TRIALS_PER_WORKER = 3
FULL = 0.9


def utilisation(known: Known) -> Conclusion | None:
    """Say for which share of the time between their first and last trial the workers ran one.

    Silent where fewer than three trials a worker were run, or nobody knows which worker ran what.
    """
    times = _times(known)
    n_trials = sum(map(len, times.values()))
    if not times or n_trials < TRIALS_PER_WORKER * len(times):
        return None
    worked_s = sum((end - start).total_seconds() for own in times.values() for start, end in own)
    lives = [(min(start for start, _ in own), max(end for _, end in own)) for own in times.values()]
    lived_s = sum((end - start).total_seconds() for start, end in lives)
    if lived_s <= 0:
        return None
    share = min(worked_s / lived_s, 1.0)
    n_workers = _at_once(lives)
    workers = "The worker ran" if n_workers == 1 else f"The {n_workers:,} workers ran"
    text = f"{workers} trials for {share:.0%} of the time between their first and last one"
    if share < FULL:
        return Conclusion(f"{text}; the rest went into starting, loading and waiting.", known.facts.command("report"))
    more = known.resume(f"hydra.sweeper.n_jobs={2 * n_workers}", known.more_trials(0.5))
    return Conclusion(f"{text}: more workers would be quicker, where the machine has room for them.", more)


def _at_once(lives: Sequence[tuple[dt.datetime, dt.datetime]]) -> int:
    """Return how many workers there were at once: those of a resumed run come after the others."""
    changes = sorted([*((start, 1) for start, _ in lives), *((end, -1) for _, end in lives)])
    return max(accumulate(change for _, change in changes))


def _times(known: Known) -> dict[Owner, list[tuple[dt.datetime, dt.datetime]]]:
    """Return when each worker's trials started and ended."""
    times: dict[Owner, list[tuple[dt.datetime, dt.datetime]]] = {}
    for trial in known.state.trials:
        owner = known.attempts[trial.number].owner
        if owner is not None and trial.datetime_start is not None:
            times.setdefault(owner, []).append((trial.datetime_start, end_of(trial, known.state.taken)))
    return times
