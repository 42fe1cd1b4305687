"""The default pruner."""

from __future__ import annotations

from optuna.pruners import PercentilePruner


class WorstQuarterPruner(PercentilePruner):
    """Ends a trial whose best report so far is in the worst quarter of those that others had by the same step.

    Optuna's own default ends half of them, most with the first step: that saves more, and loses the best ones where
    curves cross. `docs/benchmarks.md` compares them.

    Args:
        percentile: how many in a hundred go on.
        n_startup_trials: how many trials complete before any is ended.
        n_warmup_steps: before which step none is: the first report tells little.
        interval_steps: how many steps lie between two looks.
        n_min_trials: how many trials must have reported a step.
    """

    def __init__(
        self,
        percentile: float = 75.0,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 1,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        super().__init__(percentile, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials)
