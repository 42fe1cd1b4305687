"""Several processes inside one trial: what each starts with, who reports, and that none is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from typing import TYPE_CHECKING, NoReturn

import optuna
import pytest

import qgtune
from qgtune import ddp, live
from tests.sweep.sweeps import Sweep, assert_settled, owner_pid, processes, reasons, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import App

    MakeApp = Callable[..., App]
    Start = Callable[..., Sweep]

pytestmark = pytest.mark.slow

VARIABLES = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "OMP_NUM_THREADS")


def environment(folder: Path) -> str:
    """Write what a rank starts with to a file of its name; return the rank's name."""
    rank = os.environ["RANK"]
    folder.joinpath(rank).write_text(" ".join(os.environ[name] for name in VARIABLES))
    assert int(os.environ["MASTER_PORT"]) > 0
    assert qgtune.current_trial().params == {"x": 0.5}
    return f"rank {rank}"


def reporting(folder: Path) -> None:
    """Report from every rank, the others with values that would not be pruned."""
    rank = int(os.environ["RANK"])
    for step in range(5):
        folder.joinpath(str(rank)).write_text(str(step))
        qgtune.report(step if rank == 0 else -1.0, step)
        qgtune.current_trial().set_user_attr(f"rank{rank}", step)


def reporting_alone(folder: Path) -> float:
    """Report from rank 0 only, while the others wait for what never comes."""
    if os.environ["RANK"] == "0":
        reporting(folder)
    time.sleep(600)
    return 0.0


def dying() -> None:
    """Kill rank 1, so that rank 0 fails as well."""
    if os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


def raising(folder: Path) -> NoReturn:
    """Raise in rank 1; rank 0 fails a little later, as it does when a peer is gone."""
    gone = folder / "gone"
    if os.environ["RANK"] == "1":
        gone.touch()
        raise ValueError("a bad batch")
    while not gone.exists():
        time.sleep(0.01)
    time.sleep(0.05)
    raise ConnectionError("a peer is gone")


@pytest.fixture
def study() -> optuna.Study:
    """Return a study that prunes values above 2."""
    return optuna.create_study(pruner=optuna.pruners.ThresholdPruner(upper=2.0))


def run_in_trial(study: optuna.Study, function: Callable[..., object], *arguments: object) -> object:
    """Run two ranks inside a live trial; afterwards there is no process left."""
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0.5, 0.5)})
    try:
        with live.running(trial):
            return ddp.run(function, *arguments, world_size=2)
    finally:
        assert multiprocessing.active_children() == []


def test_ranks_start_as_under_torchrun(study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rank has its variables and its share of the threads, and what rank 0 returns is the result."""
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    assert run_in_trial(study, environment, tmp_path) == "rank 0"
    assert tmp_path.joinpath("0").read_text() == "0 0 2 2 127.0.0.1 3"
    assert tmp_path.joinpath("1").read_text() == "1 1 2 2 127.0.0.1 3"
    assert "RANK" not in os.environ


def test_a_prune_reaches_every_rank(study: optuna.Study, tmp_path: Path) -> None:
    """Rank 0's values are the trial's, and every rank ends at the step at which it is pruned."""
    with pytest.raises(optuna.TrialPruned, match=r"pruned at step 3"):
        run_in_trial(study, reporting, tmp_path)
    assert [tmp_path.joinpath(rank).read_text() for rank in "01"] == ["3", "3"]
    assert study.trials[0].intermediate_values == {0: 0.0, 1: 1.0, 2: 2.0, 3: 3.0}
    assert study.trials[0].user_attrs == {"rank0": 2}


def test_ranks_that_do_not_report_end_with_rank_0(
    study: optuna.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only rank 0 reports, the others are ended once it is pruned."""
    monkeypatch.setattr(ddp, "GRACE_S", 0.1)
    with pytest.raises(optuna.TrialPruned, match=r"pruned at step 3"):
        run_in_trial(study, reporting_alone, tmp_path)


def test_a_killed_rank_ends_the_others(study: optuna.Study) -> None:
    """A rank that dies fails the trial with the reason, and the ranks that wait for it are ended."""
    with pytest.raises(ddp.RankError, match=r"^rank 1 of 2 was killed by SIGKILL$"):
        run_in_trial(study, dying)


def test_the_first_error_is_the_reason(study: optuna.Study, tmp_path: Path) -> None:
    """The rank that raised is named, not those that failed because of it; its traceback is the cause."""
    with pytest.raises(ddp.RankError, match=r"^rank 1 of 2 raised ValueError: a bad batch$") as caught:
        run_in_trial(study, raising, tmp_path)
    assert "in raising" in str(caught.value.__cause__)


def test_outside_a_sweep_reports_are_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Without a trial the same function runs to its end."""
    with caplog.at_level("INFO", logger="qgtune"):
        assert ddp.run(reporting, tmp_path, world_size=1) is None
    assert "step 4: 4" in caplog.text


@pytest.mark.parametrize("world_size", [0, True, 1.5])
def test_an_impossible_size_is_refused(world_size: int) -> None:
    """A world of no ranks is a mistake, with one line."""
    with pytest.raises(qgtune.QGTuneError, match=r"Cannot start world_size="):
        ddp.run(raising, world_size=world_size)


RANKS = """\
number = HydraConfig.get().job.num
Path(f'started-{number}').touch()
ddp.run(wait, number, world_size=2)
"""
WAIT = """\
from qgtune import ddp

def wait(number):
    import os
    Path(f'rank-{number}-{os.environ["RANK"]}').touch()
    while number and not Path('go').exists():
        time.sleep(0.05)


@hydra.main("""


@pytest.mark.parametrize("deed", ["Ctrl-C", "SIGKILL"])
def test_ranks_end_with_their_worker(make_app: MakeApp, start: Start, deed: str) -> None:
    """A stopped sweep leaves no rank, and a killed worker none that goes on; the study can be finished."""
    app = make_app(RANKS)
    script = app.folder / "train.py"
    script.write_text(script.read_text().replace("@hydra.main(", WAIT, 1))
    sweep = start(app, "hydra.sweeper.n_jobs=2")
    sweep.wait_until_started(1, 2)
    wait_for(lambda: len(list(app.folder.glob("rank-[12]-*"))) == 4)
    before = set(processes(app))
    if deed == "Ctrl-C":
        sweep.ctrl_c()
        assert sweep.end() == 130
        wait_for(lambda: processes(app) == [])
        (app.folder / "go").touch()
        assert app.sweep("hydra.sweeper.n_jobs=2").code == 0
    else:
        os.kill(owner_pid(app.trials()[1]), signal.SIGKILL)
        wait_for(lambda: len(before - set(processes(app))) >= 3)  # the worker and its two ranks
        (app.folder / "go").touch()
        assert sweep.end() == 0
        assert reasons(app) == ["its worker was killed by SIGKILL"]
    assert "Traceback" not in sweep.errors.read_text()
    assert_settled(app, 4)
