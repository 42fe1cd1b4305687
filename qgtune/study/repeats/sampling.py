"""What samplers see of a study with repeats: one value a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optuna.samplers import BaseSampler

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.optuna_private import SeenStudy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial, TrialState


class OncePerConfiguration(BaseSampler):
    """A sampler that sees each configuration's own value, and none of its repeats'.

    To Optuna these are pruned trials, which TPE takes for bad ones. What has its values from another attempt is not
    sampled again, since a Gaussian process takes seconds to.

    Args:
        sampler: the one that samples.
    """

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def reseed_rng(self) -> None:
        """Give the sampler another random stream."""
        self._sampler.reseed_rng()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return what is sampled together."""
        if Attempt.of(trial).repeats is not None:
            return {}
        return self._sampler.infer_relative_search_space(_configurations(study), trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample what is sampled together."""
        if Attempt.of(trial).repeats is not None:
            return {}
        return self._sampler.sample_relative(_configurations(study), trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample one value."""
        return self._sampler.sample_independent(_configurations(study), trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Tell the sampler of a trial that is to be sampled."""
        if Attempt.of(trial).repeats is None:
            self._sampler.before_trial(_configurations(study), trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell the sampler of a trial's end."""
        if not _is_hidden(trial):
            self._sampler.after_trial(_configurations(study), trial, state, values)


def _configurations(study: Study) -> Any:
    return SeenStudy(study, lambda trial: not _is_hidden(trial))


def _is_hidden(trial: FrozenTrial) -> bool:
    return Attempt.of(trial).end == "measured"
