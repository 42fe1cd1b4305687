"""The pruner of sweeps in which configurations pause and go on: it prunes nothing."""

from __future__ import annotations

from optuna.pruners import NopPruner


class PromotingPruner(NopPruner):
    """Lets every attempt run to its rung; who goes on from there, `study/attempts/promotion.py` says."""
