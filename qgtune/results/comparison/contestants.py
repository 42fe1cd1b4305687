"""What a comparison knows of each sweep."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.files import short_path
from qgtune.results.best import best_trials
from qgtune.results.configurations import number_of
from qgtune.results.proof.confirmation import Confirmation
from qgtune.results.proof.estimates import CONFIDENCE
from qgtune.results.proof.student import t_quantile
from qgtune.results.source import open_source
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import is_feasible
from qgtune.study.objectives import Objectives
from qgtune.study.repeats.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.results.source import Source

_COUNTED = ("complete", "pruned", "failed")


@dataclass(frozen=True, slots=True)
class Value:
    """A best value, and how sure it is.

    Attributes:
        trial: the number of the trial.
        value: what the study took as its value.
        n_runs: how many runs of the configuration there are.
        low: the lower end of the 95 % confidence interval of their mean; None for a single run.
        high: the upper end.
    """

    trial: int
    value: float
    n_runs: int = 1
    low: float | None = None
    high: float | None = None

    @property
    def sureness(self) -> str:
        """Say how sure it is."""
        if self.low is None or self.high is None:
            return "single value, not confirmed"
        return f"{self.low:.6g} to {self.high:.6g}, {self.n_runs} runs"


@dataclass(frozen=True, slots=True)
class Curve:
    """The best value so far.

    Attributes:
        n_trials: how many trials had ended, at each point from the first value on.
        elapsed_s: for how long trials had run by then, in seconds: pauses of the sweep are left out.
        values: the best value from there on.
    """

    n_trials: tuple[int, ...] = ()
    elapsed_s: tuple[float, ...] = ()
    values: tuple[float, ...] = ()

    def at_trials(self, n_trials: int) -> float | None:
        """Return the best value after so many trials; None if there was none."""
        return self._at(bisect_right(self.n_trials, n_trials))

    def at_time(self, elapsed_s: float) -> float | None:
        """Return the best value after so many seconds; None if there was none."""
        return self._at(bisect_right(self.elapsed_s, elapsed_s))

    def _at(self, place: int) -> float | None:
        return self.values[place - 1] if place else None


@dataclass(frozen=True, slots=True)
class Contestant:
    """One sweep of a comparison.

    Attributes:
        name: what tells it from the others.
        source: where it is.
        study: its study's name.
        maximize: whether higher values are better.
        objective: its name; empty if it has none.
        n_ended: how many trials are complete, pruned or failed.
        elapsed_s: for how long trials have run, in seconds.
        best: the best value; None without a completed trial.
        curve: the best value so far.
    """

    name: str
    source: str
    study: str
    maximize: bool
    objective: str
    n_ended: int
    elapsed_s: float
    best: Value | None
    curve: Curve


def contestants(sources: Sequence[str]) -> list[Contestant]:
    """Open the sweeps that are to be compared.

    Args:
        sources: two or more of what `open_source` takes.

    Raises:
        QGTuneError: for each that cannot be opened, or has several objectives; or when their directions differ.
    """
    found: list[Contestant] = []
    problems: list[str] = []
    for text, name in zip(sources, _names(sources), strict=True):
        try:
            found.append(_contestant(open_source(text), name))
        except QGTuneError as error:
            problems += error.problems
    if problems:
        raise QGTuneError(*problems)
    if len({one.maximize for one in found}) > 1:
        aims = ", ".join(f"{one.name} {'maximizes' if one.maximize else 'minimizes'}" for one in found)
        raise QGTuneError(f"Cannot compare values of different directions: {aims}. Compare sweeps with one objective.")
    return found


def _names(sources: Sequence[str]) -> list[str]:
    """Return the shortest ends of the paths that differ; all of a path where a sweep is given twice."""
    parts = [Path(text).parts if "://" not in text else (text,) for text in sources]
    names = [text if "://" in text else short_path(Path(text)) for text in sources]
    for n_parts in range(1, max(map(len, parts), default=0)):
        ends = [str(Path(*own[-n_parts:])) for own in parts]
        if max(Counter(ends).values()) == 1 and "." not in ends:
            return ends
    return names


def _contestant(source: Source, name: str) -> Contestant:
    study = source.study
    objectives = Objectives.of(study)
    if len(objectives) > 1:
        raise QGTuneError(f"Cannot compare {name}: it has several objectives. Look at its report.")
    (maximize,) = objectives.maximize
    trials = study.get_trials(deepcopy=False)
    ended = sorted((trial for trial in trials if _counts(trial)), key=_end_s)
    clock = _Clock(trials)
    best = best_trials(study)
    return Contestant(
        name,
        str(source.folder or source.storage),
        study.study_name,
        maximize,
        next(iter(objectives.names), ""),
        len(ended),
        clock.total_s,
        _value(source, best[0]) if best else None,
        _curve(ended, clock, maximize=maximize),
    )


def _counts(trial: FrozenTrial) -> bool:
    return trial.datetime_complete is not None and Attempt.of(trial).end in _COUNTED


def _end_s(trial: FrozenTrial) -> float:
    return math.inf if trial.datetime_complete is None else trial.datetime_complete.timestamp()


def _curve(ended: Iterable[FrozenTrial], clock: _Clock, *, maximize: bool) -> Curve:
    points: list[tuple[int, float, float]] = []
    for n_trials, trial in enumerate(ended, 1):
        if trial.state != TrialState.COMPLETE or trial.value is None or not is_feasible(trial):
            continue
        if not points or (trial.value > points[-1][2] if maximize else trial.value < points[-1][2]):
            points.append((n_trials, clock.elapsed_s(_end_s(trial)), trial.value))
    return Curve(*zip(*points, strict=True)) if points else Curve()


class _Clock:
    """Runs while a trial runs: a sweep that was interrupted for a night has not worked through it."""

    def __init__(self, trials: Iterable[FrozenTrial]) -> None:
        spans = sorted(
            (trial.datetime_start.timestamp(), _end_s(trial))
            for trial in trials
            if trial.datetime_start is not None and trial.datetime_complete is not None
        )
        self._busy: list[tuple[float, float]] = []
        for start, end in spans:
            if self._busy and start <= self._busy[-1][1]:
                self._busy[-1] = (self._busy[-1][0], max(end, self._busy[-1][1]))
            else:
                self._busy.append((start, end))
        self._before = [0.0]
        for start, end in self._busy:
            self._before.append(self._before[-1] + end - start)

    @property
    def total_s(self) -> float:
        return self._before[-1]

    def elapsed_s(self, moment: float) -> float:
        place = bisect_right(self._busy, (moment, math.inf)) - 1
        if place < 0:
            return 0.0
        start, end = self._busy[place]
        return self._before[place] + min(moment, end) - start


def _value(source: Source, trial: FrozenTrial) -> Value:
    """Return a trial's value with the interval that fresh seeds, or the repeats of its configuration, give it."""
    number, counted = number_of(trial), trial.values[0]
    confirmed = Confirmation.read(source.folder)
    row = None if confirmed is None else confirmed.find(number)
    if row is not None and row.estimate is not None:
        return Value(number, counted, len(row.values), row.estimate.low, row.estimate.high)
    measured = Measured.of(trial)
    if measured is None or measured.spread is None:
        return Value(number, counted)
    half = t_quantile((1 + CONFIDENCE) / 2, measured.n - 1) * measured.spread / math.sqrt(measured.n)
    return Value(number, counted, measured.n, measured.mean - half, measured.mean + half)
