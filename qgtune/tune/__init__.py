"""Tuning without a Hydra app: the same space, dependencies, study and workers behind plain functions.

from qgtune import tune

def objective(trial, tuning_config):
    config = tune.build_search_space_with_dependencies("space.yaml", "dependencies.yaml", trial, tune_model=True)
    ...
    return loss

study = tune.optimize(objective, tune.get_tuning_settings("tuning.yaml"))
"""

from __future__ import annotations

from qgtune.systems import refuse_windows

refuse_windows()  # before the imports that Windows lacks the modules for

from qgtune.tune.best import save_best_config, save_best_trial  # noqa: E402
from qgtune.tune.files import build_search_space, build_search_space_with_dependencies, load_yaml  # noqa: E402
from qgtune.tune.run import create_study, optimize  # noqa: E402
from qgtune.tune.settings import get_tuning_settings  # noqa: E402

__all__ = [
    "build_search_space",
    "build_search_space_with_dependencies",
    "create_study",
    "get_tuning_settings",
    "load_yaml",
    "optimize",
    "save_best_config",
    "save_best_trial",
]
