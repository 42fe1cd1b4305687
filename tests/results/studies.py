"""Studies in memory, of every kind that a report has to cope with."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.owner import Owner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

START = dt.datetime(2026, 11, 24, 12, 0, 0)  # noqa: DTZ001 - as Optuna stores times
SPACE = {"lr": FloatDistribution(1e-4, 1.0, log=True), "act": CategoricalDistribution(["relu", "gelu"])}


def trial(
    number: int,
    state: TrialState = TrialState.COMPLETE,
    values: Sequence[float] | None = None,
    params: Mapping[str, Any] | None = None,
    steps: Mapping[int, float] | None = None,
    worker: int | None = 1,
    *,
    space: Mapping[str, Any] = SPACE,
    reason: str = "",
    repeats: int | None = None,
) -> FrozenTrial:
    """Return a trial that started `number` seconds after `START` and took half a second, unless it runs."""
    owner = None if worker is None else Owner("node", 100 + worker, worker, "node")
    attempt = Attempt(owner, repeats, turn=int(repeats is not None), reason=reason)
    params = {} if params is None else params
    start = START + dt.timedelta(seconds=number)
    return optuna.trial.FrozenTrial(
        number=number,
        trial_id=number,
        state=state,
        value=None,
        values=([0.5 + number] if values is None else list(values)) if state == TrialState.COMPLETE else None,
        datetime_start=None if state == TrialState.WAITING else start,
        datetime_complete=start + dt.timedelta(seconds=0.5) if state.is_finished() else None,
        params=dict(params),
        distributions={name: space[name] for name in params},
        user_attrs={ATTRIBUTE: attempt.to_attribute()},
        system_attrs={},
        intermediate_values=dict(steps or {}),
    )


def study(
    trials: Sequence[FrozenTrial] = (), *, name: str = "study", directions: Sequence[str] = ("minimize",)
) -> optuna.Study:
    """Return a study in memory that holds the trials."""
    made = optuna.create_study(
        study_name=name, directions=[StudyDirection[direction.upper()] for direction in directions]
    )
    made.add_trials(trials)
    return made


def usual() -> optuna.Study:
    """Return a study with trials of every end: 7 complete, one of them a retry, 2 pruned, 2 failed, 1 running."""
    values = [3.0, 2.0, 0.25, 1.0, 1.5, 4.0]
    complete = [
        trial(
            number,
            values=[value],
            params={"lr": 0.001 * (number + 1), "act": ("relu", "gelu")[number % 2]},
            steps={0: value + 1, 1: value + 0.5, 2: value},
            worker=number % 2 + 1,
        )
        for number, value in enumerate(values)
    ]
    return study(
        [
            *complete,
            trial(6, TrialState.PRUNED, params={"lr": 0.9, "act": "relu"}, steps={0: 9.0, 1: 8.5}),
            trial(7, TrialState.PRUNED, params={"lr": 0.8, "act": "gelu"}, steps={0: 7.0}, worker=2),
            trial(8, TrialState.FAIL, params={"lr": 0.5, "act": "relu"}, reason="ValueError: loss is <nan>"),
            trial(9, TrialState.FAIL, params={"lr": 0.4, "act": "relu"}, reason="its worker was killed by SIGKILL"),
            trial(10, params={"lr": 0.4, "act": "relu"}, values=[2.5], worker=3, repeats=9),
            trial(11, TrialState.RUNNING, params={"lr": 0.3, "act": "gelu"}, worker=2),
        ],
        name="usual",
    )
