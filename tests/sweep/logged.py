"""What each logger wrote of a sweep, read back with its own library."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PARENT = "sweep"


@dataclass
class Run:
    """A run, as a logger tells of it.

    Attributes:
        params: its hyperparameters, as texts.
        reports: what was reported, in order: step and value.
        metrics: the last value of each other metric.
        state: how the last attempt ended.
        has_failed: whether the library itself shows it as failed; None where it does not say.
        folder: where the link leads.
        parent: what the library knows as the parent, or the group, of a trial's run.
    """

    params: dict[str, str] = field(default_factory=dict)
    reports: list[tuple[int, float]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    state: str = ""
    has_failed: bool | None = None
    folder: str = ""
    parent: str = ""


def read_csv(folder: Path) -> dict[str, Run]:
    """Read `trials.csv` and `reports.csv`, which know of no parent."""
    runs: dict[str, Run] = defaultdict(Run)
    for row in _rows(folder / "reports.csv"):
        runs[row["configuration"]].reports.append((int(row["step"]), float(row["value"])))
    for row in _rows(folder / "trials.csv"):
        run = runs[row["configuration"]]
        run.params = {key.removeprefix("params."): row[key] for key in row if key.startswith("params.") and row[key]}
        others = json.loads(row["other_params"] or "{}")
        run.params |= {key: str(value) for key, value in others.items()}
        values = {key.removeprefix("values."): row[key] for key in row if key == "value" or key.startswith("values.")}
        run.metrics = {key: float(value) for key, value in values.items() if value}
        run.metrics["duration_s"] = float(row["duration_s"])
        constraints = json.loads(row["constraints"] or "{}")
        run.metrics |= {f"constraint.{key}": value for key, value in constraints.items()}
        run.state, run.folder = row["state"], row["folder"]
    return runs


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():  # of several objectives there are no reports
        with path.open(newline="") as file:
            yield from csv.DictReader(file)


def read_mlflow(folder: Path) -> dict[str, Run]:
    """Read the database by MLflow's client."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("train")
    assert experiment is not None
    runs: dict[str, Run] = {}
    found = client.search_runs([experiment.experiment_id])
    for one in found:
        tags = one.data.tags
        run = runs[tags["qgtune.trial"]] = Run(dict(one.data.params), metrics=dict(one.data.metrics))
        run.metrics.pop("report", None)
        history = client.get_metric_history(one.info.run_id, "report")
        run.reports = [(metric.step, metric.value) for metric in history]
        run.state, run.folder = tags.get("qgtune.state", ""), tags["qgtune.folder"]
        run.has_failed = {"FINISHED": False, "FAILED": True, "KILLED": True}[one.info.status]
        parent = next((it for it in found if it.info.run_id == tags.get("mlflow.parentRunId")), None)
        run.parent = "" if parent is None else parent.data.tags["qgtune.trial"]
    assert len(runs) == len(found)
    return runs


def read_tensorboard(folder: Path) -> dict[str, Run]:
    """Read each configuration's folder by TensorBoard's accumulator."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.api_pb2 import Status
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    runs: dict[str, Run] = {}
    for one in (folder / "tensorboard").iterdir():
        events = EventAccumulator(str(one))
        events.Reload()
        run = runs[one.name] = Run()
        for tag in events.Tags()["scalars"]:
            points = [(event.step, event.value) for event in events.Scalars(tag)]
            if tag == "report":
                run.reports = points
            else:
                run.metrics[tag] = points[-1][1]
        texts = {tag: events.Tensors(tag)[-1].tensor_proto.string_val[0].decode() for tag in events.Tags()["tensors"]}
        run.folder, run.state = texts["folder"], texts.get("state", "").split(":")[0]
        if one.name != PARENT:
            contents = events.PluginTagToContent("hparams")
            start = HParamsPluginData.FromString(contents["_hparams_/session_start_info"]).session_start_info
            run.params = {key: _text(value) for key, value in start.hparams.items()}
            end = HParamsPluginData.FromString(contents["_hparams_/session_end_info"]).session_end_info
            run.has_failed = end.status == Status.Value("STATUS_FAILURE")
            run.parent = PARENT  # they lie beside it
    return runs


def _text(value: Any) -> str:
    kind = value.WhichOneof("kind")
    return str(getattr(value, kind))


TRACKIO = """
import json, sys
import trackio
from trackio.sqlite_storage import SQLiteStorage

runs = {}
for run in trackio.Api().runs("train"):
    runs[run.name] = [run.config or {}, SQLiteStorage.get_logs("train", run.name)]
print("HERE" + json.dumps(runs))
"""


def read_trackio(folder: Path) -> dict[str, Run]:
    """Read the local store by Trackio itself, in a process of its own: it takes the place when it is imported."""
    environment = {**os.environ, "TRACKIO_DIR": str(folder.parent / "trackio")}
    command = [sys.executable, "-c", TRACKIO]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    runs: dict[str, Run] = {}
    for name, (config, rows) in json.loads(done.stdout.split("HERE")[1]).items():
        ends = [row for row in rows if "state" in row or "best" in row]
        run = runs[name.partition("-")[2]] = Run()
        run.params = {key: str(value) for key, value in config.items() if not key.startswith("_")}
        run.reports = [(row["step"], row["report"]) for row in rows if "report" in row]
        run.metrics = {key: value for key, value in ends[-1].items() if isinstance(value, float)}
        run.state, run.folder = ends[-1].get("state", ""), ends[-1]["folder"]
        id_, _, key = name.partition("-")
        run.parent = PARENT if config["_Group"] == f"train {id_}" and key != PARENT else ""
    return runs


def read_wandb(folder: Path) -> dict[str, Run]:
    """Read the logs of offline runs: records of W&B's own protocol. Attempts of one configuration come together."""
    runs: dict[str, Run] = {}
    logs = (path for path in (folder / "wandb").glob("offline-run-*/*.wandb") if not path.parent.is_symlink())
    for path in sorted(logs, key=lambda path: path.stem):
        id_, group, run = _wandb_run(path)
        if not id_:
            continue  # the process was killed before anything of it was on the disk
        parts = id_.split("-")
        before = runs.get(parts[1], Run())
        run.reports = before.reports + run.reports
        run.folder = run.folder or before.folder
        run.parent = PARENT if group == f"train {parts[0]}" and parts[1] != PARENT else ""
        runs[parts[1]] = run
    return runs


def _wandb_run(path: Path) -> tuple[str, str, Run]:
    from wandb.proto import wandb_internal_pb2

    new_record: Any = vars(wandb_internal_pb2)["Record"]  # its types say nothing of it
    run, id_, group = Run(has_failed=True), "", ""
    summary: dict[str, Any] = {}
    for data in records(path.read_bytes()):
        record = new_record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            id_, group = record.run.run_id, record.run.run_group
            config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
            run.params = {key: str(value) for key, value in config.items() if key != "_wandb"}
        elif kind == "history":
            row = _items(record.history.item)
            if "report" in row:
                run.reports.append((row["step"], float(row["report"])))
        elif kind == "summary":
            summary |= _items(record.summary.update)
        elif kind == "exit":
            run.has_failed = record.exit.exit_code != 0
    run.state, run.folder = summary.pop("state", ""), summary.pop("folder", "")
    own = {key: value for key, value in summary.items() if not key.startswith("_")}
    run.metrics = {key: float(value) for key, value in own.items() if isinstance(value, (int, float))}
    return id_, group, run


def _items(items: Any) -> dict[str, Any]:
    return {item.key or item.nested_key[0]: json.loads(item.value_json) for item in items}


BLOCK = 32768


def records(data: bytes) -> Iterator[bytes]:
    """Yield the records of a log in LevelDB's format, which starts with W&B's mark of seven bytes.

    A record lies in chunks, none over the end of a block: checksum (4 bytes), length (2), kind (1: whole, 2: first, 3:
    middle, 4: last).
    """
    assert data[:4] == b":W&B"
    place, parts = 7, b""
    while place + 7 <= len(data):
        if BLOCK - place % BLOCK < 7:  # too little for a chunk's head is filled with zeros
            place += BLOCK - place % BLOCK
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


READERS: Mapping[str, Callable[[Path], dict[str, Run]]] = {
    "csv": read_csv,
    "mlflow": read_mlflow,
    "tensorboard": read_tensorboard,
    "trackio": read_trackio,
    "wandb": read_wandb,
}
