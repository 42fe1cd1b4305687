"""Our jobs are Hydra's jobs: the same files, the same record, the same state inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.core.utils import run_job as hydra_run_job
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict

from qgtune.sweep.workers.job import run_job, set_job


class Recorder(Callbacks):
    """Callbacks that remember what they were called with."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []

    def on_job_start(self, config: DictConfig, **_kwargs: Any) -> None:
        """Remember the start."""
        self.seen.append(("start", config.hydra.job.num))

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_kwargs: Any) -> None:
        """Remember the end and the status."""
        self.seen.append((job_return.status.name, config.hydra.job.num))


def compose_whole(folder: Path, *overrides: str) -> DictConfig:
    """Compose a config with its `hydra` node for jobs below `folder`."""
    (folder / "conf").mkdir(exist_ok=True)
    (folder / "conf" / "config.yaml").write_text("a: 1\nb: ${a}\nc: {d: [1, 2]}\n")
    with initialize_config_dir(str(folder / "conf"), version_base="1.3", job_name="app"):
        config = compose("config", [f"hydra.sweep.dir={folder}/out", *overrides], return_hydra_config=True)
    with open_dict(config):
        config.hydra.job.name = "app"
    return config


def without_hydra(whole: DictConfig) -> DictConfig:
    """Return a copy without the `hydra` node."""
    task = whole.copy()
    with open_dict(task):
        del task["hydra"]
    return task


def run_both(
    folder: Path, function: Any, *overrides: str, task: tuple[str, ...] = ("a=1",)
) -> tuple[JobReturn, JobReturn, Recorder, Recorder]:
    """Run one function as job 0 of ours and as job 1 of Hydra's, both with the overrides `task`."""
    setup_globals()
    ours, theirs = Recorder(), Recorder()
    whole = compose_whole(folder, *overrides)
    set_job(whole, Path(whole.hydra.sweep.dir), 0, task, "a=1")
    one = run_job(function, whole, without_hydra(whole), HydraContext(config_loader=None, callbacks=ours))  # type: ignore[arg-type]
    whole = compose_whole(folder, *overrides)
    set_job(whole, Path(whole.hydra.sweep.dir), 1, task, "a=1")
    other = hydra_run_job(
        hydra_context=HydraContext(config_loader=None, callbacks=theirs),  # type: ignore[arg-type]
        task_function=function,
        config=whole,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
    return one, other, ours, theirs


def read_job(folder: Path, number: int) -> dict[str, Any]:
    """Read what a job left, with its own number taken out."""
    files = {path.name: path.read_text() for path in (folder / "out" / str(number) / ".hydra").iterdir()}
    text = {name: content.replace(f"/out/{number}", "/out/N") for name, content in files.items()}
    data = {name: yaml.safe_load(content) for name, content in text.items()}
    data["hydra.yaml"]["hydra"]["job"].update(num="N", id="N")
    return data


@pytest.mark.parametrize("chdir", ["false", "true"])
def test_same_files_and_record(tmp_path: Path, chdir: str) -> None:
    """`.hydra/` and Hydra's record of the job agree with those of `hydra.core.utils.run_job`."""
    one, other, ours, theirs = run_both(tmp_path, lambda config: config.b, f"hydra.job.chdir={chdir}")
    assert read_job(tmp_path, 0) == read_job(tmp_path, 1)
    assert one.status is other.status is JobStatus.COMPLETED
    assert one.return_value == other.return_value == 1
    assert one.overrides == other.overrides
    assert one.cfg == other.cfg
    assert one.task_name == other.task_name
    assert str(one.working_dir).replace("/0", "/1") == str(other.working_dir)
    assert ours.seen == [("start", 0), ("COMPLETED", 0)]
    assert theirs.seen == [("start", 1), ("COMPLETED", 1)]


def test_overrides_are_kept_as_written(tmp_path: Path) -> None:
    """An override that interpolates stands in the record as it was given, also if it does not resolve."""
    task = ("x=${b}", "y=${nope:1}")
    one, other, *_ = run_both(tmp_path, lambda config: config.b, task=task)
    assert tuple(one.overrides or ()) == tuple(other.overrides or ()) == task
    assert read_job(tmp_path, 0)["overrides.yaml"] == list(task)


def test_same_failure(tmp_path: Path) -> None:
    """An exception is kept in the record, and the callbacks see a failed job."""

    def broken(_config: DictConfig) -> None:
        raise ValueError("broken")

    one, other, ours, _ = run_both(tmp_path, broken)
    assert one.status is other.status is JobStatus.FAILED
    assert isinstance(one._return_value, ValueError)
    assert ours.seen == [("start", 0), ("FAILED", 0)]


def test_hydra_config_inside_and_after(tmp_path: Path) -> None:
    """`HydraConfig` holds the job's own values while it runs, and what it held before afterwards."""
    before = HydraConfig.instance().cfg
    inside: list[Any] = []

    def look(_config: DictConfig) -> int:
        hydra = HydraConfig.get()
        inside.append((hydra.job.num, hydra.runtime.output_dir, OmegaConf.is_readonly(hydra)))  # type: ignore[arg-type]
        return 0

    run_both(tmp_path, look)
    assert inside == [(number, str(tmp_path / "out" / str(number)), True) for number in (0, 1)]
    assert HydraConfig.instance().cfg is before


def test_environment_is_set_and_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`hydra.job.env_set` holds inside the job only."""
    import os

    monkeypatch.delenv("QGTUNE_TEST", raising=False)
    seen: list[str | None] = []
    run_both(tmp_path, lambda _config: seen.append(os.environ.get("QGTUNE_TEST")), "+hydra.job.env_set.QGTUNE_TEST=x")
    assert seen == ["x", "x"]
    assert "QGTUNE_TEST" not in os.environ


def test_no_output_subdir_writes_no_files(tmp_path: Path) -> None:
    """`hydra.output_subdir=null` leaves the folder to the job."""
    run_both(tmp_path, lambda _config: 0, "hydra.output_subdir=null")
    assert not list((tmp_path / "out").glob("*/.hydra"))
