"""Hooks: what a user's class is told of a sweep and its trials. The loggers of MLflow and others are hooks, too."""
