"""A study as rows: for people, as CSV, as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.study import StudyDirection

from qgtune.results.best import params_of
from qgtune.results.configurations import number_of, runs_of
from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import optuna
    from optuna.trial import FrozenTrial

    from qgtune.results.configurations import Runs
    from qgtune.study.repeats.measured import Measured


@dataclass(frozen=True, slots=True)
class Row:
    """One trial.

    Attributes:
        number: its number, also the name of its folder.
        state: `complete`, `pruned`, `fail`, `running` or `waiting`.
        values: one an objective; of a pruned trial, the last one that it reported. Empty if it has none.
        started: when it started, with a time zone; None if it has not.
        ended: when it ended; None if it has not.
        params: its hyperparameters by path, lists and mappings as such.
        reason: why it failed; empty if it did not.
        measured: what the repeats of its configuration gave; None where there are none, or more to come.
    """

    number: int
    state: str
    values: tuple[float, ...]
    started: datetime | None
    ended: datetime | None
    params: dict[str, Any]
    reason: str = ""
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
    directions: tuple[str, ...]
    objectives: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def paths(self) -> list[str]:
        """The hyperparameters' paths, in the order in which trials brought them."""
        return list(dict.fromkeys(path for row in self.rows for path in row.params))

    @property
    def has_repeats(self) -> bool:
        """Whether configurations ran several times."""
        return any(row.measured is not None for row in self.rows)

    def sorted_by_value(self) -> Table:
        """Return the same with the best trial first: by the first objective, complete ones before pruned ones."""
        sign = -1 if self.directions[0] == "maximize" else 1
        order = {"complete": 0, "pruned": 1}

        def key(row: Row) -> tuple[float, ...]:
            return (order.get(row.state, 2), sign * row.values[0] if row.values else math.inf, row.number)

        return self._with(sorted(self.rows, key=key))

    def first(self, n_rows: int) -> Table:
        """Return the same with its first rows only."""
        return self._with(self.rows[:n_rows])

    def _with(self, rows: Iterable[Row]) -> Table:
        return Table(self.study_name, self.directions, self.objectives, tuple(rows))


def table_of(study: optuna.Study, trials: Sequence[FrozenTrial] | None = None) -> Table:
    """Return a study's trials by number.

    Args:
        study: the study.
        trials: some of its trials; None for all.
    """
    found = study.get_trials(deepcopy=False) if trials is None else trials
    n_objectives = len(study.directions)
    names = study.metric_names or (["value"] if n_objectives == 1 else [f"value_{i}" for i in range(n_objectives)])
    directions = tuple("maximize" if it == StudyDirection.MAXIMIZE else "minimize" for it in study.directions)
    shown = {number_of(trial) for trial in found}
    rows = [_row(runs) for runs in runs_of(study.get_trials(deepcopy=False)) if runs.number in shown]
    return Table(study.study_name, directions, tuple(names), tuple(rows))


def _row(runs: Runs) -> Row:
    trial, measured = runs.last, runs.measured
    values = () if runs.state in ("fail", "waiting") else trial.values or ()
    started, ended = (None if time is None else time.astimezone() for time in (runs.started, runs.ended))
    return Row(
        runs.number,
        runs.state,
        tuple(values) if measured is None else (measured.value,),
        started,
        ended,
        params_of(runs.drawn),
        Attempt.of(trial).reason if runs.state == "fail" else "",
        measured,
    )


def to_json(table: Table) -> str:
    """Return a list of objects, one a trial: times in ISO 8601, null for what is missing.

    A value that is not finite, which JSON does not have, is the text `inf` or `-inf`.
    """
    records = [_record(row, table.objectives) | (_repeats(row) if table.has_repeats else {}) for row in table.rows]
    return json.dumps([_finite(record) for record in records], indent=2, allow_nan=False)


def _record(row: Row, objectives: Sequence[str]) -> dict[str, Any]:
    return {
        "number": row.number,
        "state": row.state,
        "values": dict(zip(objectives, row.values or [None] * len(objectives), strict=True)),
        "started": None if row.started is None else row.started.isoformat(),
        "ended": None if row.ended is None else row.ended.isoformat(),
        "duration_s": row.duration_s,
        "params": row.params,
        "reason": row.reason or None,
    }


def _repeats(row: Row) -> dict[str, Any]:
    found = row.measured
    return dict.fromkeys(_REPEATS) if found is None else {name: getattr(found, name) for name in _REPEATS}


_REPEATS = ("mean", "spread", "n")


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(item) for key, item in data.items()}
    if isinstance(data, list):
        return [_finite(item) for item in data]
    return str(data) if isinstance(data, float) and not math.isfinite(data) else data


def to_csv(table: Table) -> str:
    """Return CSV: a line a trial, `params.<path>` a hyperparameter; lists and mappings as JSON, empty if missing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    before, after = ["number", "state"], ["started", "ended", "duration_s", "reason"]
    after = [*_REPEATS, *after] if table.has_repeats else after
    writer.writerow([*before, *table.objectives, *after, *(f"params.{path}" for path in table.paths)])
    for row in table.rows:
        record = _record(row, table.objectives) | _repeats(row)
        fields = [record[name] for name in before] + list(record["values"].values()) + [record[name] for name in after]
        writer.writerow([_cell(field) for field in [*fields, *(row.params.get(path) for path in table.paths)]])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Write a value so that it reads back: as JSON, but texts without quotes, and null as an empty field.

    A text that a spreadsheet would take for a formula gets an apostrophe in front of it.
    """
    if isinstance(value, str) and value.startswith(_FORMULAS):
        return f"'{value}"
    return json.dumps(value) if isinstance(value, (bool, list, dict)) else value


_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def duration(seconds: float) -> str:
    """Return a duration in the two largest units that say something: `0.42 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.2f} s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S} h"
