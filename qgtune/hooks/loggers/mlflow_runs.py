"""MLflow: the sweep as a run, and a child run for each configuration."""

from __future__ import annotations

import logging
import os
import posixpath
import re
from typing import TYPE_CHECKING, Any, ClassVar

from qgtune.hooks.hook import Hook
from qgtune.hooks.loggers.names import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlflow import MlflowClient

    from qgtune.hooks.hook import State, SweepInfo, TrialInfo

STUDY, TRIAL, STATE, FOLDER, REASON = (f"qgtune.{name}" for name in ("study", "trial", "state", "folder", "reason"))
"""Tags of runs. The first two say whose run it is, wherever it was made; `TRIAL` of the parent is `PARENT`."""
PARENT = "sweep"
DATABASE = "mlflow.db"
_STATUS: dict[State, str] = {"failed": "FAILED", "returned": "KILLED", "lost": "KILLED"}
_ODD = re.compile(r"[^\w\-. :/]")
_LONGEST_KEY, _LONGEST_PARAM, _N_PARAMS = 250, 6000, 100


class MLflowLogger(Hook):
    """Logs to an MLflow server, or to a database in the sweep folder.

    Each attempt at a configuration goes on in the configuration's run.

    Args:
        tracking_uri: the server or database; None for `MLFLOW_TRACKING_URI`, or else `mlflow.db` in the sweep folder.
        experiment: its name; None for the study's.
        tags: more tags for every run.
    """

    timeout_s: ClassVar[float] = 120.0  # making the database takes several seconds of a free core

    def __init__(
        self, tracking_uri: str | None = None, experiment: str | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        require("mlflow", "hydra/sweeper/logger=mlflow", "mlflow")
        self.tracking_uri, self.experiment, self.tags = tracking_uri, experiment, dict(tags or {})
        self._client: MlflowClient | None = None
        self._experiment_id = ""
        self._runs: dict[str, str] = {}

    def sweep_started(self, sweep: SweepInfo) -> None:
        """Start the parent run, or go on with it."""
        run_id = self._parent(sweep)
        self._of(sweep).update_run(run_id, "RUNNING")

    def trial_started(self, trial: TrialInfo) -> None:
        """Start the run of a configuration, or go on with it."""
        client, run_id = self._of(trial.sweep), self._child(trial)
        client.update_run(run_id, "RUNNING")
        self._tag(client, run_id, {STATE: trial.state, FOLDER: str(trial.folder)})

    def trial_reported(self, trial: TrialInfo, value: float, step: int) -> None:
        """Log the value as the metric `report`."""
        self._of(trial.sweep).log_metric(self._child(trial), "report", value, step=step)

    def trial_ended(self, trial: TrialInfo) -> None:
        """Log how the attempt ended, and end the run."""
        client, run_id = self._of(trial.sweep), self._child(trial)
        self._measure(client, run_id, trial.metrics)
        self._tag(client, run_id, {STATE: trial.state, REASON: trial.reason})
        client.set_terminated(run_id, _STATUS.get(trial.state, "FINISHED"))

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """Log the counts and the best trial, and end the parent run."""
        client, run_id = self._of(sweep), self._parent(sweep)
        self._measure(client, run_id, sweep.metrics)
        best = ", ".join(str(trial.number) for trial in sweep.best)
        self._tag(client, run_id, {"qgtune.best": best, REASON: sweep.failure})
        client.set_terminated(run_id, "FAILED" if sweep.failure else "FINISHED")

    def _parent(self, sweep: SweepInfo) -> str:
        tags = {FOLDER: str(sweep.folder), "mlflow.note.content": f"`{sweep.folder}`"}
        return self._run(sweep, PARENT, f"{sweep.study_name} {sweep.id}", tags)

    def _child(self, trial: TrialInfo) -> str:
        known, name = trial.configuration in self._runs, f"trial {trial.configuration}"
        tags = {"mlflow.parentRunId": self._parent(trial.sweep)}
        run_id = self._run(trial.sweep, trial.configuration, name, tags)
        if not known:
            _log_params(self._of(trial.sweep), run_id, trial.params)
        return run_id

    def _run(self, sweep: SweepInfo, key: str, name: str, tags: Mapping[str, str]) -> str:
        """Return the run of the sweep, or of a configuration, whichever process or earlier sweep has made it."""
        if key not in self._runs:
            client, own = self._of(sweep), {STUDY: sweep.id, TRIAL: key}
            which = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in own.items())
            found = client.search_runs([self._experiment_id], which, order_by=["attributes.start_time"], max_results=1)
            run = (
                found[0] if found else client.create_run(self._experiment_id, None, {**self.tags, **tags, **own}, name)
            )
            self._runs[key] = run.info.run_id
        return self._runs[key]

    def _of(self, sweep: SweepInfo) -> MlflowClient:
        if self._client is None:
            from mlflow import MlflowClient

            for name in ("alembic", "mlflow.store.db.utils"):  # which tell of each table that they make
                logging.getLogger(name).setLevel(logging.WARNING)
            is_own = self.tracking_uri is None and "MLFLOW_TRACKING_URI" not in os.environ
            client = MlflowClient(f"sqlite:///{sweep.folder / DATABASE}" if is_own else self.tracking_uri)
            place = (sweep.folder / "mlflow").as_uri() if is_own else None
            self._experiment_id = _experiment(client, self.experiment or sweep.study_name, place)
            self._client = client
        return self._client

    def _tag(self, client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            client.set_tag(run_id, key, value)

    def _measure(self, client: MlflowClient, run_id: str, metrics: Mapping[str, float]) -> None:
        for key, value in keyed(metrics):
            client.log_metric(run_id, key, value)


def _experiment(client: MlflowClient, name: str, place: str | None) -> str:
    """Return an experiment's id; make it, unless another process does at the same time."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, place))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _log_params(client: MlflowClient, run_id: str, params: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    made = [Param(key, str(value)[:_LONGEST_PARAM]) for key, value in keyed(params)]
    for start in range(0, len(made), _N_PARAMS):
        client.log_batch(run_id, params=made[start : start + _N_PARAMS])


def keyed(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Yield items with keys that MLflow takes, no two the same."""
    taken: set[str] = set()
    for name, value in data.items():
        key = _ODD.sub("_", name)[: _LONGEST_KEY - 4]
        if posixpath.normpath(key) != key or key.startswith(("/", "..")):
            key = key.replace("/", "_").replace("..", "_")
        plain, n = key or "_", 1
        key = plain
        while key in taken:
            n += 1
            key = f"{plain}_{n}"
        taken.add(key)
        yield key, value
