"""Samplers that know a prior, or the trials of earlier studies, on studies in memory."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from qgtune.study.algorithms.informed import InformedSampler, Knowledge, ranked
from qgtune.study.algorithms.priors import SHARE, WIDTH, drawn_around, is_near, share, trust

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

LR = FloatDistribution(1e-5, 1e-1, log=True)


def finished(number: int, x: float, state: TrialState = TrialState.COMPLETE) -> FrozenTrial:
    """Return a finished trial of `x` between 0 and 10, whose value is the distance from 7."""
    trial = create_trial(
        state=state,
        value=abs(x - 7),
        params={"x": x},
        distributions={"x": FloatDistribution(0, 10)},
        intermediate_values={0: abs(x - 7)},
    )
    trial.number = number
    return trial


def asked(sampler: optuna.samplers.BaseSampler, count: int) -> list[float]:
    """Return what a new study asks for, each trial told as soon as it is asked."""
    study = optuna.create_study(sampler=sampler)
    found = []
    for _ in range(count):
        trial = study.ask()
        found.append(trial.suggest_float("x", 0, 10))
        study.tell(trial, abs(found[-1] - 7))
    return found


def test_a_sampler_without_knowledge_stays_as_it_is() -> None:
    """Nothing is wrapped where there is nothing to tell."""
    sampler = RandomSampler()
    assert Knowledge().given_to(sampler, 1) is sampler


@pytest.mark.parametrize(
    ("center", "distribution"),
    [
        pytest.param(1e-3, LR, id="a logarithmic range"),
        pytest.param(0.0, FloatDistribution(0, 1), id="the end of a range"),
        pytest.param(0.3, FloatDistribution(0, 1, step=0.1), id="steps"),
        pytest.param(8, IntDistribution(2, 32, log=True), id="whole numbers"),
        pytest.param(16, IntDistribution(0, 64, step=16), id="whole steps"),
        pytest.param("b", CategoricalDistribution(["a", "b", "c"]), id="choices"),
    ],
)
def test_draws_around_a_prior_are_values_of_the_space(center: Any, distribution: Any) -> None:
    """Every draw is a value of the distribution, and the prior's own neighbourhood is where most of them lie."""
    source = random.Random(1)  # noqa: S311 - for sampling
    drawn = [drawn_around(center, distribution, source) for _ in range(300)]
    assert all(distribution._contains(distribution.to_internal_repr(value)) for value in drawn)
    if isinstance(distribution, CategoricalDistribution):
        assert Counter(drawn)[center] > 150
    else:
        low, high = distribution.low, distribution.high
        near = [value for value in drawn if abs(value - center) <= max(2 * WIDTH * (high - low), 0.5)]
        assert len(near) > 200


def test_a_stepped_value_is_a_decimal() -> None:
    """A study holds 0.3 and not 0.30000000000000004."""
    source = random.Random(1)  # noqa: S311 - for sampling
    drawn = {drawn_around(0.3, FloatDistribution(0, 1, step=0.1), source) for _ in range(200)}
    assert drawn <= {round(step / 10, 1) for step in range(11)}


def test_the_weight_of_a_prior_fades() -> None:
    """Three in four of the first ten trials are drawn around it, an eighth of that after twenty."""
    assert share(0) == share(10) == SHARE
    assert share(20) == pytest.approx(SHARE / 8)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([7.0, 6.5, 2.0], 1.0, id="too few to tell"),
        pytest.param([7.0, 6.5, 2.0, 1.0, 3.0, 9.9], 1.0, id="the best are near"),
        pytest.param([2.0, 1.0, 3.0, 9.9, 7.0, 6.5], 0.0, id="the best are elsewhere"),
        pytest.param([7.0, 2.0, 6.5, 7.2, 6.9, 7.1], 0.5 / (5.5 / 7), id="half of the best are near, and most of all"),
        pytest.param([2.0, 1.0, 3.0, 9.9], 0.0, id="none is near"),
    ],
)
def test_trials_tell_for_or_against_a_prior(values: list[float], expected: float) -> None:
    """By how many of the best third are near it, beside how many of all are."""
    assert trust({"x": 7.0}, [finished(number, x) for number, x in enumerate(values)]) == pytest.approx(expected)


def test_near_is_what_draws_around_a_prior_are() -> None:
    """Of values of all kinds: most draws around the prior are near, most random ones are not."""
    space = {"lr": LR, "width": IntDistribution(16, 256, step=16), "kind": CategoricalDistribution("abcd")}
    prior = {"lr": 1e-3, "width": 64, "kind": "c"}
    source = random.Random(0)  # noqa: S311 - for sampling
    drawn = [{name: drawn_around(prior[name], space[name], source) for name in space} for _ in range(300)]
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    anywhere = [study.ask(space).params for _ in range(300)]
    shares = [sum(is_near(prior, made(params, space)) for params in group) / 300 for group in (drawn, anywhere)]
    assert shares[0] > 0.8
    assert shares[1] < 0.25


def made(params: dict[str, Any], space: dict[str, Any]) -> FrozenTrial:
    """Return a finished trial with these values."""
    return create_trial(value=0.0, params=params, distributions=space)


def test_a_range_of_one_value_and_what_the_prior_lacks_tell_nothing() -> None:
    """Neither way."""
    assert not is_near(
        {"x": 1, "z": 3}, made({"x": 1, "y": 2}, {"x": IntDistribution(1, 1), "y": IntDistribution(0, 9)})
    )


@pytest.mark.parametrize("direction", list(StudyDirection)[1:])
def test_the_best_come_first(direction: StudyDirection) -> None:
    """Completed trials only, in the order of the study's direction."""
    study = optuna.create_study(direction=direction)
    for number, state in enumerate([TrialState.COMPLETE, TrialState.PRUNED, TrialState.COMPLETE]):
        study.add_trial(finished(number, 7 + number, state))
    values = [trial.values[0] for trial in ranked(study)]
    assert values == ([0, 2] if direction == StudyDirection.MINIMIZE else [2, 0])


def test_a_wrong_prior_is_left_soon() -> None:
    """With the prior at the worst end, a few trials in all lie around it; with a right one most of the first do."""
    wrong = asked(Knowledge({"x": 0.0}).given_to(RandomSampler(seed=1), 1), 20)
    right = asked(Knowledge({"x": 7.0}).given_to(RandomSampler(seed=1), 1), 20)
    assert sum(x < 1.5 for x in wrong[4:]) <= 5 < sum(abs(x - 7) < 1.5 for x in right[4:])


def test_several_objectives_do_not_tell() -> None:
    """Nothing ranks their trials, so the weight fades alone."""
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=Knowledge({"x": 0.0}).given_to(RandomSampler(seed=1), 1)
    )
    found = []
    for _ in range(10):
        trial = study.ask()
        found.append(trial.suggest_float("x", 0, 10))
        study.tell(trial, [-found[-1], -found[-1]])
    assert sum(x < 3 for x in found) >= 6


def test_a_prior_draws_most_of_the_first_trials() -> None:
    """With a prior at 7, the first trials lie around it; without one, anywhere."""
    near = [abs(x - 7) < 3 for x in asked(Knowledge({"x": 7.0}).given_to(RandomSampler(seed=1), 1), 10)]
    assert sum(near) >= 8
    assert sum(abs(x - 7) < 1 for x in asked(RandomSampler(seed=1), 10)) < 5


def test_a_seed_repeats_the_draws() -> None:
    """The same seed gives the same trials, with the prior's own draws."""
    knowledge = Knowledge({"x": 7.0})
    one, other = (asked(knowledge.given_to(TPESampler(seed=3), 3), 15) for _ in range(2))
    assert one == other


@pytest.mark.parametrize("state", [TrialState.COMPLETE, TrialState.PRUNED])
def test_earlier_trials_are_learnt_from(state: TrialState) -> None:
    """With forty trials of an earlier study TPE starts where they were good, instead of with ten random ones."""
    earlier = tuple(finished(place - 40, place / 4, state) for place in range(40))
    x = asked(Knowledge(earlier=earlier).given_to(TPESampler(seed=1), 1), 10)
    assert sum(abs(value - 7) for value in x) / 10 < 1.5
    assert sum(abs(value - 7) for value in asked(TPESampler(seed=1), 10)) / 10 > 1.5


def test_earlier_trials_are_no_trials_of_the_study() -> None:
    """What a sampler is told neither counts nor is the best."""
    study = optuna.create_study(sampler=InformedSampler(TPESampler(seed=1), Knowledge(earlier=(finished(-1, 7.0),)), 1))
    study.optimize(lambda trial: abs(trial.suggest_float("x", 0, 10) - 7) + 1, n_trials=3)
    assert len(study.trials) == 3
    assert study.best_value >= 1


def test_earlier_trials_may_lack_a_hyperparameter() -> None:
    """What they do not know is learnt from the study's own trials; what they do know is drawn with it as ever."""
    earlier = tuple(finished(place - 40, place / 4) for place in range(40))
    study = optuna.create_study(sampler=Knowledge(earlier=earlier).given_to(TPESampler(seed=1), 1))
    study.optimize(lambda trial: abs(trial.suggest_float("x", 0, 10) - 7) + trial.suggest_float("y", 0, 1), n_trials=15)
    assert all(set(trial.params) == {"x", "y"} for trial in study.trials)
