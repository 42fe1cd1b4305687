"""The short names of Optuna's samplers and pruners. Hydra imports this file in every app: keep it light."""

from __future__ import annotations

SAMPLERS = {"tpe": "TPESampler", "random": "RandomSampler"}
PRUNERS = {"median": "MedianPruner", "nop": "NopPruner"}
