"""Trials and reports as two CSV files."""

from __future__ import annotations

import csv
import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.files import write_once
from qgtune.hooks.hook import Hook
from qgtune.results.columns import cell, csv_line
from qgtune.results.table import unnamed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qgtune.hooks.hook import SweepInfo, TrialInfo

TRIALS, REPORTS = "trials.csv", "reports.csv"
_REPORT = ("number", "configuration", "step", "value")
_TRIAL = ("number", "configuration", "state")
_MORE = ("started", "duration_s", "folder", "reason", "constraints", "other_params")


class CsvLogger(Hook):
    """Appends a row to `trials.csv` for each attempt that ended, and one to `reports.csv` for each report.

    Any number of processes append at the same time. A hyperparameter that does not exist beside a trial's other values
    is an empty field; one that the search space does not name stands in `other_params`, as JSON.

    Args:
        folder: where the files are; None for the sweep folder.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.folder = None if folder is None else Path(folder).absolute()

    def trial_reported(self, trial: TrialInfo, value: float, step: int) -> None:
        """Append to `reports.csv`."""
        row = dict(zip(_REPORT, (trial.number, trial.configuration, step, value), strict=True))
        self._append(trial.sweep, REPORTS, _REPORT, row)

    def trial_ended(self, trial: TrialInfo) -> None:
        """Append to `trials.csv`."""
        sweep, known = trial.sweep, trial.sweep.hyperparameters
        row = {
            "number": trial.number,
            "configuration": trial.configuration,
            "state": trial.state,
            "started": None if trial.started is None else trial.started.isoformat(),
            "duration_s": trial.duration_s,
            "folder": trial.folder,
            "reason": trial.reason,
            "constraints": dict(trial.constraints) or None,
            "other_params": {path: value for path, value in trial.params.items() if path not in known} or None,
            **{f"params.{path}": value for path, value in trial.params.items()},
        }
        by_name, by_place = _columns(sweep.objectives), _columns(unnamed(len(sweep.objectives)))
        for column, name, value in zip(by_place, by_name, trial.values.values(), strict=False):
            row[column] = row[name] = value  # a file has the former if no objective had a name when it was made
        columns = (*_TRIAL, *by_name, *_MORE, *(f"params.{path}" for path in known))
        self._append(sweep, TRIALS, columns, row)

    def _append(self, sweep: SweepInfo, name: str, columns: Sequence[str], row: Mapping[str, Any]) -> None:
        path = (self.folder or sweep.folder) / name
        if not path.exists():
            write_once(path, csv_line(columns))
        with path.open("rb") as file:
            columns = next(csv.reader([file.readline().decode()]))  # those of the sweep that made it
        # One write at the end of the file: no reader and no other process sees half a line.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # for file systems over a network
            os.write(descriptor, csv_line([cell(row.get(column)) for column in columns]).encode())
        finally:
            os.close(descriptor)


def _columns(objectives: Sequence[str]) -> list[str]:
    return ["value"] if len(objectives) == 1 else [f"values.{name}" for name in objectives]
