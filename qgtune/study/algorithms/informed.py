"""A sampler that knows more than its own study: where good values are thought to lie, and trials of earlier studies."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from qgtune.space.counting import in_decimals
from qgtune.study.optuna_private import SeenStudy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

N_TRUSTED = 10
"""How many finished trials a study has before its prior fades: Optuna's samplers start at random for as many."""
SHARE = 0.75
"""The share of the trials until then that are drawn around the prior; from the k-th on, (N_TRUSTED / k)³ of it.

A slower fade costs more than it finds (`tests/benchmarks/quality/samplers.py`)."""
WIDTH = 0.15
"""The standard deviation of a number around its prior, as a part of its range, logarithmic where the range is."""
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known before a study starts.

    Attributes:
        prior: where good values are thought to lie, by path, as the study stores them.
        earlier: finished trials of earlier studies, in the terms of this one's space. Their numbers are below zero, as
            they came before its own.
    """

    prior: Mapping[str, Any] = field(default_factory=dict)
    earlier: tuple[FrozenTrial, ...] = ()

    def given_to(self, sampler: BaseSampler, seed: int | None) -> BaseSampler:
        """Return a sampler that draws as `sampler` does if that knew this, too."""
        return InformedSampler(sampler, self, seed) if self.prior or self.earlier else sampler


class InformedSampler(BaseSampler):
    """Draws around a prior now and then, and otherwise lets another sampler draw that sees earlier trials, too.

    The weight of the prior fades with the number of finished trials, so that a wrong one costs a few of them. Which
    hyperparameters are drawn together is decided by the study's own trials: earlier ones may lack some.

    Args:
        sampler: the other one.
        knowledge: what to know.
        seed: of the draws around the prior; None takes one of the system's.
    """

    def __init__(self, sampler: BaseSampler, knowledge: Knowledge, seed: int | None) -> None:
        self.sampler = sampler
        self.knowledge = knowledge
        self._random = random.Random(seed)  # noqa: S311 - for sampling
        self._around_prior: set[int] = set()

    def reseed_rng(self) -> None:
        """Start another random stream."""
        self._random.seed()
        self.sampler.reseed_rng()

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Decide whether the trial is drawn around the prior."""
        self.sampler.before_trial(study, trial)
        if self.knowledge.prior and self._random.random() < share(_n_finished(study)):
            self._around_prior.add(trial.number)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the other sampler, too."""
        self._around_prior.discard(trial.number)
        self.sampler.after_trial(study, trial, state, values)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is drawn together: nothing around a prior."""
        return {} if trial.number in self._around_prior else self.sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draw together."""
        if not search_space:  # nothing to draw, and nothing to learn from
            return self.sampler.sample_relative(study, trial, search_space)
        return self.sampler.sample_relative(self._informed(study), trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one value."""
        if trial.number in self._around_prior and param_name in self.knowledge.prior:
            return drawn_around(self.knowledge.prior[param_name], param_distribution, self._random)
        return self.sampler.sample_independent(self._informed(study), trial, param_name, param_distribution)

    def _informed(self, study: optuna.Study) -> Any:
        return SeenStudy(study, before=self.knowledge.earlier) if self.knowledge.earlier else study


def share(n_finished: int) -> float:
    """Return the part of the next trials that is drawn around the prior, after so many finished ones."""
    return SHARE * min(1.0, N_TRUSTED / max(1, n_finished)) ** 3


def drawn_around(center: Any, distribution: BaseDistribution, source: random.Random) -> Any:
    """Draw a value near `center`: of choices it is that one in at least half of the cases.

    Args:
        center: a value of the distribution, as the study stores it.
        distribution: what values there are.
        source: of random numbers.
    """
    if isinstance(distribution, CategoricalDistribution):
        return center if source.random() < 0.5 else source.choice(distribution.choices)  # noqa: PLR2004 - one in two
    if not isinstance(distribution, (FloatDistribution, IntDistribution)):
        raise TypeError(f"no distribution of ours: {distribution}")
    scale, back = (math.log, math.exp) if distribution.log else (float, float)
    low, high = scale(distribution.low), scale(distribution.high)
    while not low <= (drawn := source.gauss(scale(center), WIDTH * (high - low))) <= high:
        pass
    return _on_grid(back(drawn), distribution)


def _on_grid(value: float, distribution: FloatDistribution | IntDistribution) -> float | int:
    if distribution.step is not None:
        steps = round((value - distribution.low) / distribution.step)
        value = in_decimals(distribution.low + steps * distribution.step, distribution)
    value = min(max(value, distribution.low), distribution.high)
    return int(value) if isinstance(distribution, IntDistribution) else value


def _n_finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=_FINISHED))
