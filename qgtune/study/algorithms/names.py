"""The short names of Optuna's samplers and pruners. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

SAMPLERS = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "grid": "GridSampler",
    "cmaes": "CmaEsSampler",
    "gp": "GPSampler",
    "nsgaii": "NSGAIISampler",
    "nsgaiii": "NSGAIIISampler",
    "qmc": "QMCSampler",
    "bruteforce": "BruteForceSampler",
    "partial_fixed": "PartialFixedSampler",
}
PRUNERS = {
    "median": "MedianPruner",
    "percentile": "PercentilePruner",
    "hyperband": "HyperbandPruner",
    "successive_halving": "SuccessiveHalvingPruner",
    "threshold": "ThresholdPruner",
    "patient": "PatientPruner",
    "wilcoxon": "WilcoxonPruner",
    "nop": "NopPruner",
}
PROMOTING_PRUNER = "qgtune.study.algorithms.promoting.PromotingPruner"
DEFAULT_PRUNER = "qgtune.study.algorithms.pruning.WorstQuarterPruner"
# What Optuna imports only when the first trial is sampled or pruned: the packages, and our extra that brings them.
NEEDS = {
    "CmaEsSampler": (("cmaes",), "cmaes"),
    "GPSampler": (("torch", "scipy"), "gp"),
    "QMCSampler": (("scipy",), "qmc"),
    "WilcoxonPruner": (("scipy",), "wilcoxon"),
}
