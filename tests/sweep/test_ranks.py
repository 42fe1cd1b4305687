"""Every rank of a trial has the trial's config; a sweep in each rank is refused."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from qgtune import QGTuneError, tune
from qgtune.live import TRIAL
from qgtune.processes.ranks import OwnTrial, refuse_ranks, trial_of_this_rank

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

OWN = OwnTrial("/sweep", 3, "/sweep/3")


@pytest.mark.parametrize(
    ("rank", "size"),
    [
        pytest.param("RANK", "WORLD_SIZE", id="torchrun"),
        pytest.param("LOCAL_RANK", "WORLD_SIZE", id="Lightning"),
        pytest.param("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", id="Open MPI"),
        pytest.param("PMI_RANK", "PMI_SIZE", id="MPICH"),
    ],
)
def test_a_sweep_in_each_rank_is_refused(monkeypatch: pytest.MonkeyPatch, rank: str, size: str) -> None:
    """Each would sample values of its own; the error names the way that works."""
    monkeypatch.setenv(rank, "0")
    monkeypatch.setenv(size, "2")
    with pytest.raises(QGTuneError, match=rf"in each of 2 ranks \({size}=2\).*qgtune\.ddp\.run\(train, config, world"):
        refuse_ranks()
    with pytest.raises(QGTuneError, match="in each of 2 ranks"):
        tune.optimize(lambda *_: 0.0, {})


def test_one_process_is_no_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some clusters set a world size of one, or a number of nodes without ranks."""
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    refuse_ranks()
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK")
    refuse_ranks()


def test_ranks_learn_of_their_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a further rank that a trial's function started belongs to the trial; other programs of its do not."""
    with OWN.told():
        assert trial_of_this_rank() is None
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("LOCAL_RANK", "1")
        assert trial_of_this_rank() == OWN
    assert trial_of_this_rank() is None


def test_what_a_training_sets_for_its_ranks_ends_with_the_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning would take the next training of the process for a rank that somebody else started."""
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.setenv("MASTER_ADDR", "ours")
    with OWN.told():
        os.environ["LOCAL_RANK"] = "0"
        os.environ["MASTER_ADDR"] = "theirs"
    assert "LOCAL_RANK" not in os.environ
    assert TRIAL not in os.environ
    assert os.environ["MASTER_ADDR"] == "ours"


RANKS = """
import os, subprocess, sys
Path(f"lr-{HydraConfig.get().job.num}-{os.environ.get('RANK', 0)}").write_text(repr(cfg.training.lr))
Path(HydraConfig.get().runtime.output_dir, f"rank-{os.environ.get('RANK', 0)}").touch()
if "RANK" not in os.environ:
    again = [sys.executable, *sys.argv]
    subprocess.run(again, env={**os.environ, "RANK": "1", "WORLD_SIZE": "2"}, check=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_script_that_runs_again_for_a_rank_gets_the_trials_config(make_app: MakeApp, n_jobs: int) -> None:
    """A rank neither tunes nor samples: it has the values and the folder of the trial that started it."""
    app = make_app(RANKS.strip())
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}")
    assert run.code == 0, run.out + run.err
    assert len(app.trials()) == 4
    for number in range(4):
        first, second = ((app.folder / f"lr-{number}-{rank}").read_text() for rank in (0, 1))
        assert first == second
        assert {"rank-0", "rank-1"} <= {path.name for path in app.path(str(number)).iterdir()}


@pytest.mark.slow
def test_torchrun_of_a_sweep_is_one_line(app: App) -> None:
    """The whole program, as torchrun starts a rank: it ends before anything is made."""
    line = app.command("--multirun", "hydra.sweep.dir=sweep")
    environment = {**os.environ, "RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}
    ended = subprocess.run(line, cwd=app.folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "Cannot tune in each of 2 ranks" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not app.path().exists()
