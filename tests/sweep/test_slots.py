"""Which GPU and how many threads a worker gets: the decision on made-up machines, then real processes."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from qgtune.errors import QGTuneError
from qgtune.processes import slots as slots_module
from qgtune.processes.slots import THREADS, Machine, Slots, n_cores, parse_listing, parse_visible, read_slots
from tests.conftest import CONFIG, App

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    MakeApp = Callable[..., App]

SMI = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-c6d4f1ef-42e4-7de3-91c7-45d71c87eb3f)
"""
SMI_MIG = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)
  MIG 3g.20gb     Device  0: (UUID: MIG-c7384736-a75d-5afc-978f-d2f1294409fd)
  MIG 3g.20gb     Device  1: (UUID: MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-c6d4f1ef-42e4-7de3-91c7-45d71c87eb3f)
"""


def machine(listing: str = "", n_cores: int = 8, **environment: str) -> Machine:
    """Return a machine with these variables, cores, and output of `nvidia-smi -L`."""
    return Machine(environment, n_cores, lambda: listing)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0,1", ("0", "1"), id="indices"),
        pytest.param(" 3 , 1 ", ("3", "1"), id="blanks"),
        pytest.param("GPU-5d5ba0d6,MIG-c738", ("GPU-5d5ba0d6", "MIG-c738"), id="ids"),
        pytest.param("", (), id="empty"),
        pytest.param("-1", (), id="none"),
        pytest.param("0,-1,2", ("0",), id="cut at -1"),
        pytest.param("NoDevFiles", (), id="Slurm without a GPU"),
    ],
)
def test_visible_gpus_are_read_as_cuda_does(text: str, expected: tuple[str, ...]) -> None:
    """`CUDA_VISIBLE_DEVICES` holds names in order, and ends where CUDA stops reading."""
    assert parse_visible(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(SMI, ("0", "1"), id="whole GPUs"),
        pytest.param(
            SMI_MIG,
            ("MIG-c7384736-a75d-5afc-978f-d2f1294409fd", "MIG-a28ad590-3fda-56dd-84fc-0a0b96edc58d", "1"),
            id="one divided",
        ),
        pytest.param("No devices found.\n", (), id="none"),
        pytest.param("", (), id="no driver"),
    ],
)
def test_listed_gpus_are_named(text: str, expected: tuple[str, ...]) -> None:
    """A GPU is named by its index; one that is divided, by the ids of its parts."""
    assert parse_listing(text) == expected


@pytest.mark.parametrize(
    ("gpus", "here", "expected"),
    [
        pytest.param(None, machine(SMI), None, id="null leaves them alone"),
        pytest.param("auto", machine(SMI), ("0", "1"), id="auto asks the driver"),
        pytest.param("auto", machine(SMI, CUDA_VISIBLE_DEVICES="5,7"), ("5", "7"), id="auto heeds the variable"),
        pytest.param("auto", machine(SMI, CUDA_VISIBLE_DEVICES=""), None, id="auto with all hidden"),
        pytest.param("auto", machine(), None, id="auto without a GPU"),
        pytest.param([2, 3], machine(), ("2", "3"), id="indices"),
        pytest.param(["0,1", "2,3"], machine(), ("0,1", "2,3"), id="several a worker"),
        pytest.param(["MIG-a", "MIG-b"], machine(SMI, CUDA_VISIBLE_DEVICES="0"), ("MIG-a", "MIG-b"), id="ids as given"),
    ],
)
def test_gpus_are_chosen(gpus: Any, here: Machine, expected: tuple[str, ...] | None) -> None:
    """`auto` takes what can be seen, a list is taken as it is, and without any GPU there are no slots."""
    assert read_slots({"gpus": gpus}, 2, here).gpus == expected


@pytest.mark.parametrize(
    ("keys", "n_workers", "here", "expected"),
    [
        pytest.param({}, 4, machine(n_cores=8), 2, id="cores over workers"),
        pytest.param({}, 3, machine(n_cores=8), 2, id="rounded down"),
        pytest.param({}, 16, machine(n_cores=8), 1, id="at least one"),
        pytest.param({}, None, machine(n_cores=8), 1, id="as many workers as cores"),
        pytest.param({"gpus": [0, 1]}, None, machine(n_cores=8), 4, id="as many workers as GPUs"),
        pytest.param({}, 4, machine(n_cores=8, OMP_NUM_THREADS="3"), None, id="the user's variable holds"),
        pytest.param({"threads_per_worker": 5}, 4, machine(OMP_NUM_THREADS="3"), 5, id="the key wins"),
    ],
)
def test_threads_are_divided(keys: dict[str, Any], n_workers: int | None, here: Machine, expected: int | None) -> None:
    """The cores are divided by the workers, unless the user says otherwise."""
    assert read_slots(keys, n_workers, here).n_threads == expected


def test_gpus_are_filled_evenly() -> None:
    """Every GPU gets one worker before any gets two, and there are places for all."""
    slots = Slots(("0", "1"), workers_per_gpu=2)
    assert slots.n_places == 4
    assert [slots.gpu(slot) for slot in range(4)] == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("slots", "n_gpus"),
    [
        pytest.param(Slots(("0", "1")), 1.0, id="its own"),
        pytest.param(Slots(("0", "1"), workers_per_gpu=2), 0.5, id="shared"),
        pytest.param(Slots(("0,1",)), 2.0, id="two"),
        pytest.param(Slots(), None, id="nobody's"),
    ],
)
def test_a_slot_knows_its_share_of_gpus(slots: Slots, n_gpus: float | None) -> None:
    """For a budget of GPU hours."""
    assert slots.n_gpus(0) == n_gpus


def test_an_empty_slot_changes_nothing() -> None:
    """Without GPUs and threads a worker's environment is left alone."""
    assert {**Slots().shared, **Slots().own(3)} == {}
    assert Slots().n_places is None


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        pytest.param(
            {"gpus": [0, 1]}, r"Cannot give 5 workers a GPU each: there is room for 2, on GPU 0, 1 ", id="too many"
        ),
        pytest.param({"gpus": [0, 1]}, r"Set hydra\.launcher\.workers_per_gpu=3", id="the way out"),
        pytest.param({"gpus": "all"}, r"gpus='all': give auto, null or a list", id="text"),
        pytest.param({"gpus": []}, r"the list is empty", id="empty"),
        pytest.param({"gpus": [1, 1]}, r"a GPU stands there twice", id="twice"),
        pytest.param({"workers_per_gpu": 0}, r"workers_per_gpu=0: it must be 1 or more", id="no worker a GPU"),
        pytest.param({"threads_per_worker": 0}, r"threads_per_worker=0: it must be 1 or more", id="no thread"),
    ],
)
def test_mistakes_are_named(keys: dict[str, Any], message: str) -> None:
    """A wrong value, or more workers than places, is one line with the numbers and the way out."""
    with pytest.raises(QGTuneError, match=message):
        read_slots(keys, 5, machine())


def test_a_control_group_bounds_the_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container the quota of CPU time counts, rounded up, if it is below the cores of the machine."""
    bound = len(os.sched_getaffinity(0))
    for text, expected in (("50000 100000", 1), ("max 100000", bound), (f"{10**9} 100000", bound)):
        (tmp_path / "cpu.max").write_text(text)
        monkeypatch.setattr(slots_module, "CPU_MAX", tmp_path / "cpu.max")
        assert n_cores() == expected


# What the main script sees while it is imported, before the user's function or any library of theirs.
SEEN = (
    "SEEN = {name: os.environ.get(name) for name in ('CUDA_VISIBLE_DEVICES', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS')}\n"
)
WRITE = "qgtune.current_trial().set_user_attr('seen', SEEN)\nqgtune.current_trial().set_user_attr('pid', os.getpid())\n"
GPUS = "hydra.launcher.gpus=[4,MIG-b]"


def make_seeing_app(make_app: MakeApp, body: str = "", config: str = CONFIG) -> App:
    """Return an app that stores in each trial what its worker saw when it imported the script."""
    app = make_app(WRITE + body, config)
    script = app.folder / "train.py"
    script.write_text(script.read_text().replace("import hydra\n", f"{SEEN}\nimport hydra\n", 1))
    return app


def seen(app: App) -> dict[int, dict[str, str | None]]:
    """Return what each worker saw, by its process id; the same in all of its trials."""
    found: dict[int, dict[str, str | None]] = {}
    for trial in app.trials():
        assert found.setdefault(trial.user_attrs["pid"], trial.user_attrs["seen"]) == trial.user_attrs["seen"]
    return found


@pytest.mark.slow
def test_each_worker_sees_its_gpu(make_app: MakeApp) -> None:
    """Workers start with one GPU each, and with their threads, before the user's script is imported."""
    app = make_seeing_app(make_app, "time.sleep(0.3)")
    run = app.sweep("hydra/launcher=qgtune", GPUS, "hydra.launcher.threads_per_worker=3", "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert "Worker 0 uses GPU 4." in run.out
    assert "Worker 1 uses GPU MIG-b." in run.out
    workers = list(seen(app).values())
    assert sorted(worker["CUDA_VISIBLE_DEVICES"] or "" for worker in workers) == ["4", "MIG-b"]
    assert {(worker["OMP_NUM_THREADS"], worker["MKL_NUM_THREADS"]) for worker in workers} == {("3", "3")}


@pytest.mark.slow
def test_a_replacement_takes_over_the_slot(make_app: MakeApp) -> None:
    """Workers that die are replaced by ones that see the same GPU, so that no GPU ever serves two."""
    body = (
        "if qgtune.current_trial().number in (1, 2, 4):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "busy = Path(f\"busy-{SEEN['CUDA_VISIBLE_DEVICES']}\")\nbusy.touch(exist_ok=False)\n"
        "time.sleep(0.3)\nbusy.unlink()\n"
    )
    app = make_seeing_app(make_app, body)
    run = app.sweep(
        "hydra/launcher=qgtune",
        GPUS,
        "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.n_trials=16",  # enough for the last replacement, however long it starts
        "hydra.sweeper.max_retries=3",
    )
    assert run.code == 0, run.err
    assert [trial.state.name for trial in app.trials()].count("FAIL") == 3
    assert len(seen(app)) == 5
    assert {worker["CUDA_VISIBLE_DEVICES"] for worker in seen(app).values()} == {"4", "MIG-b"}


@pytest.mark.slow
def test_other_sweepers_get_slots(make_app: MakeApp) -> None:
    """Under Hydra's own sweeper there are as many processes as GPUs, and no two at a time on one."""
    body = (
        "busy = Path(f\"busy-{SEEN['CUDA_VISIBLE_DEVICES']}\")\nbusy.touch(exist_ok=False)\n"
        "time.sleep(0.3)\nbusy.unlink()\nprint('saw', json.dumps(SEEN))\n"
    )
    config = CONFIG.split("hydra:")[0].replace("  - override hydra/sweeper: qgtune\n", "")
    app = make_app(f"import json\n{body}", config)
    script = app.folder / "train.py"
    script.write_text(script.read_text().replace("import hydra\n", f"{SEEN}\nimport hydra\n", 1))
    run = app.sweep("hydra/launcher=qgtune", GPUS, "training.lr=0.1,0.2,0.3,0.4,0.5", "model.layers.1.in_dim=16")
    assert run.code == 0, run.err
    saw = [json.loads(line.removeprefix("saw ")) for line in run.out.splitlines() if line.startswith("saw")]
    assert len(saw) == 5
    assert {worker["CUDA_VISIBLE_DEVICES"] for worker in saw} == {"4", "MIG-b"}


@pytest.mark.slow
def test_too_many_workers_are_refused_before_anything_runs(app: App) -> None:
    """More workers than places is one line beside the other mistakes, and nothing is made."""
    run = app.sweep("hydra/launcher=qgtune", GPUS, "hydra.sweeper.n_jobs=3", "hydra.sweeper.direction=minimize")
    assert run.code == 1
    assert "Cannot give 3 workers a GPU each" in run.err
    assert "Set hydra.launcher.workers_per_gpu=2" in run.err
    assert "Traceback" not in run.err
    assert not app.path().exists()


@pytest.mark.slow
def test_one_worker_in_process_keeps_its_environment(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the basic launcher and one worker nothing is set."""
    for name in (*THREADS, "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    app = make_seeing_app(make_app)
    assert app.sweep().code == 0
    assert set(next(iter(seen(app).values())).values()) == {None}


@pytest.mark.slow
@pytest.mark.examples
def test_torch_starts_as_many_threads(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch, imported at the top of the script, keeps to the worker's threads; by itself it would take every core."""
    pytest.importorskip("torch", reason="needs the extra examples")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    app = make_app("qgtune.current_trial().set_user_attr('threads', torch.get_num_threads())")
    script = app.folder / "train.py"
    script.write_text(script.read_text().replace("import hydra\n", "import torch\nimport hydra\n", 1))
    run = app.sweep("hydra/launcher=qgtune", "hydra.launcher.threads_per_worker=1", "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert {trial.user_attrs["threads"] for trial in app.trials()} == {1}


def test_slots_are_values() -> None:
    """Slots cannot be changed once decided: they are shared by all starts of a sweep."""
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"gpus"):
        Slots().gpus = ("0",)  # type: ignore[misc]
