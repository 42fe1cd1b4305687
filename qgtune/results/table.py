"""A study as rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from qgtune.results.best import params_of
from qgtune.results.configurations import number_of, runs_of
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.objectives import Objectives

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import optuna
    from optuna.trial import FrozenTrial

    from qgtune.results.configurations import Runs, State
    from qgtune.study.attempts.attempt import End
    from qgtune.study.objectives import Direction
    from qgtune.study.repeats.measured import Measured


@dataclass(frozen=True, slots=True)
class Row:
    """One trial.

    Attributes:
        number: its number, also the name of its folder.
        state: `complete`, `pruned`, `failed`, `running` or `waiting`.
        values: one an objective; of a pruned trial, the last one that it reported. Empty if it has none.
        started: when it started, with a time zone; None if it has not.
        ended: when it ended; None if it has not.
        params: its hyperparameters by path, lists and mappings as such.
        reason: why it failed; empty if it did not.
        end: how the attempt ended, which tells more than the state: `paused`, `returned`, `lost`, `withdrawn`; None
            while it runs.
        repeats: the number of the first attempt at the same configuration; None for a first one.
        reports: its intermediate values by step.
        measured: what the repeats of its configuration gave; None where there are none, or more to come.
    """

    number: int
    state: State
    values: tuple[float, ...]
    started: datetime | None
    ended: datetime | None
    params: dict[str, Any]
    reason: str = ""
    end: End | None = None
    repeats: int | None = None
    reports: Mapping[int, float] = field(default_factory=dict)
    measured: Measured | None = None

    @property
    def duration_s(self) -> float | None:
        """How long it took, in seconds; None until it has ended."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()


@dataclass(frozen=True, slots=True)
class Table:
    """Some trials of a study; where configurations have repeats, some configurations.

    Attributes:
        study_name: the study's name.
        directions: `minimize` or `maximize`, one an objective.
        objectives: what the objectives are called: `value`, or as the study says.
        rows: the trials.
    """

    study_name: str
    directions: tuple[Direction, ...]
    objectives: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def paths(self) -> list[str]:
        """The hyperparameters' paths, in the order in which trials brought them."""
        return list(dict.fromkeys(path for row in self.rows for path in row.params))

    def in_states(self, states: Sequence[str]) -> Table:
        """Return the same with the trials in these states only; with all of them where none is named."""
        return self.of(row for row in self.rows if row.state in states) if states else self

    @property
    def has_repeats(self) -> bool:
        """Whether configurations ran several times."""
        return any(row.measured is not None for row in self.rows)

    def first(self, n_rows: int) -> Table:
        """Return the same with its first rows only."""
        return self.of(self.rows[:n_rows])

    def of(self, rows: Iterable[Row]) -> Table:
        """Return the same with other rows."""
        return replace(self, rows=tuple(rows))


def table_of(study: optuna.Study, trials: Sequence[FrozenTrial] | None = None) -> Table:
    """Return a study's trials by number.

    Args:
        study: the study.
        trials: some of its trials; None for all.
    """
    found = study.get_trials(deepcopy=False) if trials is None else trials
    objectives = Objectives.of(study)
    names = objectives.names or tuple(unnamed(len(objectives)))
    shown = {number_of(trial) for trial in found}
    rows = [_row(runs) for runs in runs_of(study.get_trials(deepcopy=False)) if runs.number in shown]
    return Table(study.study_name, objectives.directions, names, tuple(rows))


def unnamed(n_objectives: int) -> list[str]:
    """Return what objectives without names are called."""
    return ["value"] if n_objectives == 1 else [f"value_{index}" for index in range(n_objectives)]


def _row(runs: Runs) -> Row:
    trial, state, measured = runs.last, runs.state, runs.measured
    values = () if state in ("failed", "waiting") else trial.values or ()
    started, ended = (None if time is None else time.astimezone() for time in (runs.started, runs.ended))
    attempt = Attempt.of(trial)
    return Row(
        runs.number,
        state,
        tuple(values) if measured is None else (measured.value,),
        started,
        ended,
        params_of(runs.drawn),
        attempt.reason if state == "failed" else "",
        attempt.end,
        None if runs.number == trial.number else attempt.repeats,
        trial.intermediate_values,
        measured,
    )


_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a duration in the two largest units that say something: `0.42 s`, `3 min 20 s`, `2 h 5 min`."""
    if round(seconds, 2) < _MINUTE_S:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
