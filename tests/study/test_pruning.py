"""The default pruner, on studies in memory."""

from __future__ import annotations

import optuna
import pytest

from qgtune.study.algorithms.factory import build_pruner
from qgtune.study.algorithms.pruning import WorstQuarterPruner


def study_of(n_complete: int, first: int) -> optuna.Study:
    """Return a study in which trial `i` reported `i` at three steps and completed."""
    study = optuna.create_study(pruner=build_pruner(None), direction="maximize")
    for value in range(n_complete):
        trial = study.ask()
        for step in range(first, first + 3):
            trial.report(value, step)
        study.tell(trial, value)
    return study


def is_pruned_at(study: optuna.Study, value: float, first: int) -> list[bool]:
    """Return after which reports of a value a trial would end."""
    trial = study.ask()
    answers = []
    for step in range(first, first + 3):
        trial.report(value, step)
        answers.append(trial.should_prune())
    return answers


@pytest.mark.parametrize("first", [0, 1, 100])
def test_the_worst_quarter_ends_with_its_second_report(first: int) -> None:
    """Wherever the steps are counted from; three quarters go on."""
    study = study_of(9, first)
    assert is_pruned_at(study, 1.5, first) == [False, True, True]
    assert is_pruned_at(study, 2.5, first) == [False, False, False]


def test_none_ends_before_five_have_completed() -> None:
    """With four there is no telling."""
    assert is_pruned_at(study_of(4, 0), -1, 0) == [False, False, False]
    assert is_pruned_at(study_of(5, 0), -1, 0) == [False, True, True]


def test_it_is_the_default() -> None:
    """Of every face."""
    assert type(build_pruner(None)) is WorstQuarterPruner
