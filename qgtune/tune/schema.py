"""The JSON schema of a tuning config, made of the checks of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.space.reading.schema import DIALECT
from qgtune.tune.settings import CHECKS

if TYPE_CHECKING:
    from qgtune.space.reading.schema import Schema

MEANINGS = {
    "tune_model": "Whether the search space's model section is tuned; if not, the base settings hold.",
    "tune_training": "Whether the search space's training section is tuned; if not, the base settings hold.",
    "base_settings_path": "The base settings. Paths are relative to the folder of this file.",
    "search_space_path": "The search space.",
    "dependency_mapping_path": "The dependency mapping.",
    "built_search_space_path": "Where the first trial's settings are written.",
    "best_trial_path": "Where the best trial's values are written.",
    "best_param_path": "Where the best trial's whole settings are written.",
    "study_name": "The study's name in its storage.",
    "storage": "A journal file; null or memory keeps the study in memory, for one process.",
    "direction": "minimize or maximize; for several objectives a list, or a mapping of their names.",
    "n_trials": "The total of the study is this times n_iterations.",
    "timeout": "Seconds after which no trial starts; null means no limit.",
    "n_jobs": "Threads a process.",
    "n_processes": "Processes that run trials at the same time.",
    "n_iterations": "The total of the study is this times n_trials.",
    "sampler": "A name, or a mapping with its name and arguments; null is Optuna's default.",
    "pruner": "A name, or a mapping with its name and arguments; null is Optuna's median pruner.",
    "seed": "Repeats the sampled values with one process; null draws from the system.",
    "max_retries": "How often a trial whose process died is run again with the same values.",
    "retry_exceptions": "Whether a trial whose objective raised is run again, too.",
    "max_failure_rate": "The share of failed trials, from 0 to 1, above which the study stops.",
}


def tuning_schema() -> Schema:
    """Return the schema of a tuning config."""
    properties: dict[str, Any] = {
        key: {"description": MEANINGS[key], "default": default, **check.schema}
        for key, (check, default) in CHECKS.items()
    }
    return {
        "$schema": DIALECT,
        "title": "Tuning config of qgtune",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
