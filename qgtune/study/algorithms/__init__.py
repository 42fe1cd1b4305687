"""Optuna's samplers and pruners: their short names, how they are built, the grid."""
