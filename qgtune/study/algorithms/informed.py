"""A sampler that knows more than its own study: where good values are thought to lie, and trials of earlier studies."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from qgtune.study.algorithms.priors import drawn_around, share, trust
from qgtune.study.optuna_private import SeenStudy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

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

    The weight of the prior fades with the number of finished trials, and where they tell against it, so that a wrong
    one costs a few of them. Which hyperparameters are drawn together is decided by the study's own trials: earlier ones
    may lack some.

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
        prior = self.knowledge.prior
        if not prior or self._random.random() >= share(_n_finished(study)):
            return
        if len(study.directions) > 1 or self._random.random() < trust(prior, ranked(study)):
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


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return the completed trials of a study of one objective, the best first."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(done, key=lambda trial: trial.values[0], reverse=study.direction == StudyDirection.MAXIMIZE)


def _n_finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=_FINISHED))
