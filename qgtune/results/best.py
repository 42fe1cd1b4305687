"""The best trials of a study and the files that tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.space.stored import from_stored
from qgtune.study.repeats.measured import Measured

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


def best_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the best completed trial, or the Pareto front of several objectives; empty if no trial completed.

    Trials that violate their constraints are left out.
    """
    if len(study.directions) > 1:
        return sorted(study.best_trials, key=lambda trial: trial.number)
    try:
        return [study.best_trial]
    except ValueError:  # none has completed, or each of them violates a constraint
        return []


def params_of(trial: FrozenTrial) -> dict[str, Any]:
    """Return a trial's hyperparameters by path, as values of the config."""
    return {path: from_stored(value, trial.distributions[path]) for path, value in trial.params.items()}


def summary(study: optuna.Study) -> dict[str, Any]:
    """Return what `optimization_results.yaml` holds.

    Returns:
        `name`, and for one objective `best_params` and `best_value`. For several `solutions`, the Pareto front in the
        order of the trials: a list of `params`, `values` and `trial`, and `objectives`, their names if they have any.
        With repeats, `best_repeats` has the mean, the spread (standard deviation) and the values of the best trial's.
        Without a completed trial, only the name.
    """
    best = best_trials(study)
    result: dict[str, Any] = {"name": "optuna"}
    if len(study.directions) > 1:
        names = {} if study.metric_names is None else {"objectives": list(study.metric_names)}
        solutions = [
            {"params": params_of(trial), "values": list(trial.values), "trial": trial.number} for trial in best
        ]
        return {**result, **names, "solutions": solutions}
    if not best:
        return result
    measured = Measured.of(best[0])
    repeats = {} if measured is None else {"best_repeats": measured.to_attribute()}
    return {**result, "best_params": params_of(best[0]), "best_value": best[0].value, **repeats}
