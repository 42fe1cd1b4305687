"""What the verbs that look at studies answer with `--json`: `show`, `best`, `list`, `compare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Objective:
    """What a study is after.

    Attributes:
        name: `value` where the study gives it no other.
        direction: which way is better.
    """

    name: str
    direction: Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class Range:
    """What a hyperparameter is sampled from.

    Attributes:
        type: of the distribution.
        low: the least value; null of a categorical one, as the next three.
        high: the greatest value.
        log: whether it is sampled on a logarithmic scale.
        step: between the values; null if there is none.
        choices: of a categorical one; else null.
    """

    type: Literal["float", "int", "categorical"]
    low: float | None = None
    high: float | None = None
    log: bool | None = None
    step: float | None = None
    choices: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """A study as a whole.

    Attributes:
        name: of the study.
        storage: where it is kept, without a password.
        folder: the sweep folder; null where it was named by its storage.
        state: whether a sweep is known to run on it.
        objectives: in order.
        n_trials: how many there are in each state; a state without any is left out.
        best: the numbers of the best trials: one, or those of the Pareto front, or none.
        started: when the first trial started, ISO 8601; null before that.
        ended: when the last one that has ended did so.
        hyperparameters: the latest range of each, by path.
    """

    name: str
    storage: str
    folder: str | None
    state: Literal["runs", "ended"]
    objectives: tuple[Objective, ...]
    n_trials: dict[str, int]
    best: tuple[int, ...]
    started: str | None
    ended: str | None
    hyperparameters: dict[str, Range]


@dataclass(frozen=True, slots=True)
class Repeated:
    """What the repeats of a configuration gave.

    Attributes:
        mean: of their values.
        spread: their standard deviation, by n - 1; null where it is not known.
        n: how many there are.
    """

    mean: float
    spread: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.

    Attributes:
        number: from 0 on, also the name of its folder.
        state: Optuna's; a trial that paused is pruned there.
        end: how the attempt ended; null while it runs.
        repeats: the number of the first attempt at the same configuration; null for a first one.
        values: by objective, null for none; of a pruned trial, the last that it reported.
        started: ISO 8601 with a time zone; null before that.
        ended: as `started`.
        duration_s: in seconds; null until it has ended.
        params: its hyperparameters by path, lists and mappings as such.
        intermediate_values: what it reported, by step.
        reason: why it failed; null if it did not.
        measured: what the repeats of its configuration gave; null where there are none, or more to come.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "running", "waiting"]
    end: Literal["complete", "pruned", "paused", "measured", "failed", "returned", "lost", "withdrawn"] | None
    repeats: int | None
    values: dict[str, float | None]
    started: str | None
    ended: str | None
    duration_s: float | None
    params: dict[str, Any]
    intermediate_values: dict[str, float]
    reason: str | None
    measured: Repeated | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What `qgtune show` answers.

    Attributes:
        study: all of it, whatever trials are asked for.
        trials: those that were asked for, in that order.
    """

    study: StudyFacts
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class BestTrial:
    """One of the best trials.

    Attributes:
        number: of the trial.
        values: by objective.
        params: its hyperparameters by path.
        folder: of its job; null if there is none here.
        config: the file with its whole config; null if there is none.
    """

    number: int
    values: dict[str, float]
    params: dict[str, Any]
    folder: str | None
    config: str | None


@dataclass(frozen=True, slots=True)
class Best:
    """What `qgtune best` answers.

    Attributes:
        study: its name.
        trials: the best one, or the Pareto front, or the one of it that was asked for.
    """

    study: str
    trials: tuple[BestTrial, ...]


@dataclass(frozen=True, slots=True)
class ListedSweep:
    """One sweep of a list.

    Attributes:
        folder: of the sweep.
        study: its study's name; null if it cannot be opened.
        state: `unknown` if the study cannot be opened.
        problem: why it cannot be opened; null if it can.
        n_finished: how many of its trials are complete, pruned or failed.
        best: the best value; null for none, or several objectives.
    """

    folder: str
    study: str | None
    state: Literal["runs", "ended", "unknown"]
    problem: str | None
    n_finished: int
    best: float | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What `qgtune list` answers.

    Attributes:
        sweeps: the newest first.
        n_more: how many older ones `--limit` left out.
    """

    sweeps: tuple[ListedSweep, ...]
    n_more: int


@dataclass(frozen=True, slots=True)
class Improvement:
    """A point at which a sweep found a better value.

    Attributes:
        n_trials: how many trials had ended by then.
        elapsed_s: for how long trials had run by then, pauses of the sweep left out.
        value: the best from there on.
    """

    n_trials: int
    elapsed_s: float
    value: float


@dataclass(frozen=True, slots=True)
class ComparedSweep:
    """One sweep of a comparison.

    Attributes:
        name: what tells it from the others.
        source: its folder or storage.
        study: its study's name.
        best: the best value; null if no trial completed.
        trial: which has it.
        low: the lower end of the 95 % confidence interval of the mean of its runs; null for a single run.
        high: the upper end.
        n_runs: how many runs of that configuration there are.
        n_trials: how many trials are complete, pruned or failed.
        elapsed_s: for how long trials have run, pauses of the sweep left out.
        at_equal_trials: the best value after as many trials as the shortest sweep has.
        at_equal_time: the best value after as long as the shortest sweep ran.
        curve: the best value so far.
    """

    name: str
    source: str
    study: str
    best: float | None
    trial: int | None
    low: float | None
    high: float | None
    n_runs: int
    n_trials: int
    elapsed_s: float
    at_equal_trials: float | None
    at_equal_time: float | None
    curve: tuple[Improvement, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """What `qgtune compare` answers.

    Attributes:
        direction: which way is better, for all of them.
        equal_trials: how many trials all sweeps had.
        equal_time_s: for how long all sweeps ran.
        sweeps: the one with the best value first.
        page: the file with the curves.
    """

    direction: Literal["minimize", "maximize"]
    equal_trials: int
    equal_time_s: float
    sweeps: tuple[ComparedSweep, ...]
    page: str
