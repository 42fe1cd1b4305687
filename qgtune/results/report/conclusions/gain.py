"""What tuning gained over the base settings."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.results.best import params_of
from qgtune.results.configurations import number_of
from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.space.stored import is_same
from qgtune.study.objectives import is_better

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def gain(known: Known) -> Conclusion | None:
    """Compare the best trial with the one that ran the base settings; silent unless both completed."""
    base = base_trial(known)
    if base is None or not known.state.best or not all(map(math.isfinite, base.values)):
        return None
    return _of_front(known, base) if known.state.is_multi_objective else _of_best(known, base)


def base_trial(known: Known) -> FrozenTrial | None:
    """Return the completed trial that had the base settings; None if there is none, or nobody knows them."""
    base = known.facts.base
    if base is None:
        return None
    for trial in known.state.trials:
        if trial.state == TrialState.COMPLETE and trial.params:
            params = params_of(trial)
            if all(path in base and is_same(value, base[path]) for path, value in params.items()):
                return trial
    return None


def _of_best(known: Known, base: FrozenTrial) -> Conclusion:
    best, name = known.state.best[0], known.state.objectives[0]
    before, now = base.values[0], best.values[0]
    if best.number == base.number or now == before:
        text = f"No trial is better than the base settings (trial {number_of(base)}, {name} {before:.6g})."
        return Conclusion(text, known.resume(known.more_trials(0.5)))
    return Conclusion(_gained(best, base, name), known.rerun(number_of(best)))


def _gained(best: FrozenTrial, base: FrozenTrial, name: str) -> str:
    before, now = base.values[0], best.values[0]
    higher = "higher" if now > before else "lower"
    by = f"{abs(now - before) / abs(before):.1%}" if before else f"{abs(now - before):.3g}"
    return (
        f"Trial {number_of(best)} is the best with {name} {now:.6g}, {by} {higher} than the base settings "
        f"({before:.6g} in trial {number_of(base)})."
    )


def _of_front(known: Known, base: FrozenTrial) -> Conclusion:
    maximize = [direction == "maximize" for direction in known.state.directions]
    better = [trial for trial in known.state.completed if is_better(trial.values, base.values, maximize)]
    if not better:
        text = f"No trial is better than the base settings (trial {number_of(base)}) in every objective."
        return Conclusion(text, known.resume(known.more_trials(0.5)))
    text = (
        f"{len(better)} of {len(known.state.completed)} complete trials are at least as good as the base settings "
        f"(trial {number_of(base)}) in every objective, and better in one."
    )
    on_front = {trial.number for trial in known.state.best}
    first = next((trial for trial in better if trial.number in on_front), better[0])
    return Conclusion(text, known.rerun(number_of(first)))
