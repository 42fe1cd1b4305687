"""The CSV files: a row an attempt, a row a report, whoever writes them."""

from __future__ import annotations

import csv
import math
import multiprocessing
from typing import TYPE_CHECKING

from qgtune.hooks.loggers.csv_files import REPORTS, TRIALS, CsvLogger
from tests.hooks.infos import sweep_info, trial_info

if TYPE_CHECKING:
    from pathlib import Path

N_PROCESSES, N_REPORTS = 3, 100


def rows(path: Path) -> list[dict[str, str]]:
    """Read a file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _report(folder: Path, number: int) -> None:
    logger, trial = CsvLogger(), trial_info(sweep_info(folder), number)
    for step in range(N_REPORTS):
        logger.trial_reported(trial, step / 3, step)


def test_processes_append_at_the_same_time(tmp_path: Path) -> None:
    """The file is made once, and no row is lost, torn or doubled."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_report, args=(tmp_path, number)) for number in range(N_PROCESSES)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = sorted((int(row["number"]), int(row["step"]), float(row["value"])) for row in rows(tmp_path / REPORTS))
    assert found == [(number, step, step / 3) for number in range(N_PROCESSES) for step in range(N_REPORTS)]


def test_a_row_has_what_a_trial_has(tmp_path: Path) -> None:
    """What does not exist beside the other values is empty, what the space does not name is not lost."""
    odd = {"lr": 0.1, 'a, "b"\nc': "=1+1", "sizes": [1, 2]}
    trial = trial_info(sweep_info(tmp_path), params=odd, constraints={"memory": -1.0}, duration_s=1.5)
    CsvLogger().trial_ended(trial)
    (row,) = rows(tmp_path / TRIALS)
    assert row["params.lr"] == "0.1"
    assert row["params.momentum"] == ""
    assert row["other_params"] == '{"a, \\"b\\"\\nc": "=1+1", "sizes": [1, 2]}'
    assert (row["state"], row["value"], row["duration_s"]) == ("complete", "0.5", "1.5")
    assert row["constraints"] == '{"memory": -1.0}'


def test_what_is_not_finite_reads_back(tmp_path: Path) -> None:
    """Python's own `float` reads the field."""
    trial = trial_info(sweep_info(tmp_path))
    for step, value in enumerate((math.nan, math.inf, -math.inf)):
        CsvLogger().trial_reported(trial, value, step)
    first, *others = (float(row["value"]) for row in rows(tmp_path / REPORTS))
    assert math.isnan(first)
    assert others == [math.inf, -math.inf]


def test_objectives_that_get_their_names_later_keep_their_columns(tmp_path: Path) -> None:
    """The first trial may have failed before anything named them."""
    unnamed = sweep_info(tmp_path, directions=("minimize", "maximize"), objectives=("value_0", "value_1"))
    named = sweep_info(tmp_path, directions=("minimize", "maximize"), objectives=("error", "number"))
    logger = CsvLogger()
    logger.trial_ended(trial_info(unnamed, 0, state="failed", values={}))
    logger.trial_ended(trial_info(named, 1, values={"error": 1.0, "number": 2.0}))
    found = [(row["number"], row["values.value_0"], row["values.value_1"]) for row in rows(tmp_path / TRIALS)]
    assert found == [("0", "", ""), ("1", "1.0", "2.0")]


def test_the_files_go_where_the_user_says(tmp_path: Path) -> None:
    """The folder is made."""
    CsvLogger(str(tmp_path / "a" / "b")).trial_ended(trial_info(sweep_info(tmp_path)))
    assert [row["number"] for row in rows(tmp_path / "a" / "b" / TRIALS)] == ["0"]
