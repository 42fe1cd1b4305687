"""The loggers by the names of the group `hydra/sweeper/logger`. Hydra apps import this file: keep it light."""

from __future__ import annotations

from importlib.util import find_spec

from qgtune.errors import QGTuneError

LOGGERS = {
    "csv": "qgtune.hooks.loggers.csv_files.CsvLogger",
    "mlflow": "qgtune.hooks.loggers.mlflow_runs.MLflowLogger",
    "tensorboard": "qgtune.hooks.loggers.tensorboard_events.TensorBoardLogger",
    "trackio": "qgtune.hooks.loggers.trackio_runs.TrackioLogger",
    "wandb": "qgtune.hooks.loggers.wandb_runs.WandbLogger",
}


def require(module: str, what: str, extra: str) -> None:
    """Check that a library is installed, without importing it.

    Raises:
        QGTuneError: when it is not.
    """
    if find_spec(module) is None:
        raise QGTuneError(f"Cannot use {what}: {module} is not installed. Run: pip install 'qgtune[{extra}]'")
