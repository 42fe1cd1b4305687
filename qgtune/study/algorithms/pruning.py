"""The default pruner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.pruners import PercentilePruner

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class WorstQuarterPruner(PercentilePruner):
    """Ends a trial whose best report so far is in the worst quarter of those that others had by the same step.

    The first report, which tells little, ends none. Optuna's own default ends half of the trials, most with the first
    report: that saves more, and loses the best ones where curves cross. `docs/benchmarks.md` compares them.

    Args:
        percentile: how many in a hundred go on.
        n_startup_trials: how many trials complete before any is ended.
        n_warmup_steps: before which step none is.
        interval_steps: how many steps lie between two looks.
        n_min_trials: how many trials must have reported a step.
    """

    def __init__(
        self,
        percentile: float = 75.0,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        super().__init__(percentile, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials)

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Say whether a trial ends here."""
        return len(trial.intermediate_values) > 1 and super().prune(study, trial)
