"""Hooks: what a user's class is told of a sweep and its trials. The loggers of MLflow and others are hooks, too."""

from __future__ import annotations

from qgtune.hooks.hook import Hook, SweepInfo, TrialInfo

__all__ = ["Hook", "SweepInfo", "TrialInfo"]
