"""The values of a trial, read without the search space that they were drawn from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def params_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's hyperparameters by path; choices that the study holds as JSON text come back decoded."""
    return {path: _decoded(value, trial.distributions[path]) for path, value in trial.params.items()}


def _decoded(value: Any, distribution: BaseDistribution) -> Any:
    """Decode what `space.model` encoded: compact JSON of a list or a mapping, among the choices of a categorical."""
    if not isinstance(distribution, CategoricalDistribution) or not isinstance(value, str) or value[:1] not in "[{":
        return value
    try:
        decoded = json.loads(value)
    except ValueError:
        return value
    return decoded if json.dumps(decoded, separators=(",", ":")) == value else value
