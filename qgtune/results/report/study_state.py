"""A study as it was at one moment, and the plain facts of it."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.results.report.excerpt import Excerpt
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import is_feasible
from qgtune.study.objectives import Objectives
from qgtune.study.outcome import MEMORY
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, slots=True)
class StudyState:
    """What one reading of a study gave.

    Attributes:
        name: the study's name.
        directions: `minimize` or `maximize`, one an objective.
        objectives: the objectives' names: the study's metric names, or `value`, or `value 0`, `value 1`….
        trials: all trials, by number.
        best: the best trials, those of the Pareto front for several objectives; empty if none completed.
        taken: when it was read.
    """

    name: str
    directions: tuple[str, ...]
    objectives: tuple[str, ...]
    trials: Sequence[FrozenTrial]
    best: tuple[FrozenTrial, ...]
    taken: dt.datetime

    @property
    def counts(self) -> Counter[TrialState]:
        """How many trials there are of each state; of several repeats that count once the one that has the end."""
        return Counter(trial.state for trial in self.trials if Attempt.of(trial).end != "measured")

    @property
    def completed(self) -> list[FrozenTrial]:
        """The trials with a value."""
        return [trial for trial in self.trials if trial.state == TrialState.COMPLETE]

    @property
    def failures(self) -> list[FrozenTrial]:
        """The failed trials, the latest first."""
        return [trial for trial in reversed(self.trials) if trial.state == TrialState.FAIL]

    @property
    def retries(self) -> dict[str, list[int]]:
        """The numbers of the trials that ran a trial again, by the place of all attempts at that."""
        found: dict[str, list[int]] = {}
        for trial in self.trials:
            if (attempt := Attempt.of(trial)).turn:
                found.setdefault(attempt.place(trial.number), []).append(trial.number)
        return found

    @property
    def is_multi_objective(self) -> bool:
        """Whether there are several objectives."""
        return len(self.directions) > 1

    def most_memory(self) -> tuple[int, int] | None:
        """Return the trial whose process used the most memory, and how many MiB; None where nobody measured it."""
        used = [(trial.user_attrs.get(MEMORY), trial.number) for trial in self.trials]
        known = [
            (memory["rss_mib"], number) for memory, number in used if isinstance(memory, dict) and "rss_mib" in memory
        ]
        return max(known)[::-1] if known else None

    def span(self) -> tuple[dt.datetime, dt.datetime] | None:
        """Return when the first trial started and the last one ended, or now if one runs; None before the first."""
        times = self._times
        return (min(start for start, _ in times), max(end for _, end in times)) if times else None

    def worked(self) -> dt.timedelta:
        """Return how long all trials took together."""
        return sum((end - start for start, end in self._times), dt.timedelta())

    @property
    def _times(self) -> list[tuple[dt.datetime, dt.datetime]]:
        """When each trial that has started did so, and when it ended."""
        started = [(trial, trial.datetime_start) for trial in self.trials]
        return [(start, end_of(trial, self.taken)) for trial, start in started if start is not None]


def end_of(trial: FrozenTrial, now: dt.datetime) -> dt.datetime:
    """Return when a started trial ended; for one that runs, now."""
    return trial.datetime_complete or max(now, trial.datetime_start or now)


def read_state(study: optuna.Study) -> StudyState:
    """Read a study once, so that everything in a report is of the same moment."""
    trials = study.get_trials(deepcopy=False)
    objectives = Objectives.of(study)
    unnamed = ("value",) if len(objectives) == 1 else tuple(f"value {index}" for index in range(len(objectives)))
    return StudyState(
        name=study.study_name,
        directions=objectives.directions,
        objectives=objectives.names or unnamed,
        trials=trials,
        best=_best(objectives.directions, trials),
        taken=dt.datetime.now(),  # noqa: DTZ005 - Optuna's times are local and know no zone
    )


def _best(directions: tuple[str, ...], trials: Sequence[FrozenTrial]) -> tuple[FrozenTrial, ...]:
    """Return the best of these trials, which a running study may have got beyond by now."""
    completed = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(directions) > 1:
        return tuple(Excerpt(directions, completed).best_trials)
    return tuple(trial for trial in _by_value(directions[0], completed)[:1] if is_feasible(trial))


def reason_of(trial: FrozenTrial) -> str:
    """Return why a trial failed; a sentence for a trial that does not say."""
    reason = Attempt.of(trial).reason or trial.system_attrs.get("fail_reason") or "no reason was recorded"
    return str(redact(str(reason)))


def sorted_by_value(study_state: StudyState, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return completed trials with the best ones first; those that violate a constraint come last.

    With several objectives the Pareto front comes first, then the others by number.
    """
    if study_state.is_multi_objective:
        front = {trial.number for trial in study_state.best}
        return sorted(trials, key=lambda trial: (trial.number not in front, trial.number))
    return _by_value(study_state.directions[0], trials)


def _by_value(direction: str, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    sign = -1 if direction == "maximize" else 1
    return sorted(trials, key=lambda trial: (not is_feasible(trial), sign * trial.values[0], trial.number))
