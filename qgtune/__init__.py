"""Hyperparameter tuning for Hydra apps."""
