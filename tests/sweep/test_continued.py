"""Trials that outlive their process: checkpoints, reports that go on, and what is saved when a worker has to stop."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import owner_pid, processes, wait_for
from tests.sweep.test_durable_trials import command, small

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

# Ten epochs, a checkpoint after each. What is computed goes to one file, one line an epoch.
EPOCHS = """
number = HydraConfig.get().job.num if HydraConfig.get().mode.name == "MULTIRUN" else None
file = qgtune.checkpoint_dir() / "state"
start, total = 0, 0.0
if file.exists():
    epoch, total = file.read_text().split()
    start, total = int(epoch) + 1, float(total)
with open("last", "a") as out:
    print(number, qgtune.last_step(), start, file=out)
for epoch in range(start, 10):
    with open("epochs", "a") as out:
        print(qgtune.checkpoint_dir().name, epoch, file=out)
    time.sleep({pause})
    total += cfg.lr * epoch
    qgtune.report(total, epoch)
    temporary = file.with_name(f"{{os.getpid()}}")
    temporary.write_text(f"{{epoch}} {{total!r}}")
    temporary.replace(file)
return total
"""
NO_PRUNER = "hydra/sweeper/pruner=nop"


def value_of(lr: float) -> float:
    """Return what an uninterrupted run of the epochs returns."""
    total = 0.0
    for epoch in range(10):
        total += lr * epoch
    return total


def computed(app: App) -> list[tuple[str, int]]:
    """Return what was computed: configuration and epoch."""
    lines = (app.folder / "epochs").read_text().split("\n")[:-1]
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def test_a_retry_goes_on_from_the_checkpoint(make_app: MakeApp, start: Start) -> None:
    """Killed in its midst, it computes one epoch again at most; its curve is whole, its value the same."""
    app = small(make_app, EPOCHS.format(pause=0.2))
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2", NO_PRUNER)
    wait_for(lambda: (app.folder / "epochs").exists() and ("0", 4) in computed(app))
    os.kill(owner_pid(app.trials()[0]), signal.SIGKILL)
    assert sweep.end() == 0
    trials = app.trials()
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    again = trials[2]
    assert Attempt.of(again).repeats == 0
    assert list(again.intermediate_values) == list(range(10))
    assert again.value == value_of(again.params["lr"])
    assert again.params == trials[0].params
    assert len(computed(app)) <= 21
    assert sorted(path.name for path in app.path("checkpoints").iterdir()) == ["0", "1"]
    said = dict(line.split(" ", 1) for line in (app.folder / "last").read_text().splitlines())
    assert said["0"] == "None 0"
    assert said["2"] in ("3 4", "4 4", "4 5")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_goes_on_from_the_checkpoints(make_app: MakeApp, start: Start, number: int) -> None:
    """What is given back keeps its folder, over a resume; what `on_stop` was given has been called."""
    save = 'qgtune.on_stop(lambda: (qgtune.checkpoint_dir() / "saved").touch())\n'
    app = small(make_app, save + EPOCHS.format(pause=0.2))
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2", NO_PRUNER)
    wait_for(lambda: (app.folder / "epochs").exists() and {("0", 3), ("1", 3)} <= set(computed(app)))
    os.killpg(sweep.process.pid, number)
    assert sweep.end() == 128 + number
    assert {path.parent.name for path in app.path("checkpoints").glob("*/saved")} == {"0", "1"}
    again = app.sweep("hydra.sweeper.n_trials=2", NO_PRUNER)
    assert again.code == 0, again.err
    complete = [trial for trial in app.trials() if trial.state == TrialState.COMPLETE]
    assert [trial.value for trial in complete] == [value_of(trial.params["lr"]) for trial in complete]
    assert all(list(trial.intermediate_values) == list(range(10)) for trial in complete)
    assert len(computed(app)) <= 22


def test_a_run_without_a_sweep_has_a_folder_of_its_own(make_app: MakeApp) -> None:
    """And no earlier step; `on_stop` does nothing."""
    app = small(make_app, "qgtune.on_stop(print)\n" + EPOCHS.format(pause=0))
    run = app.run("hydra.run.dir=alone")
    assert run.code == 0, run.err
    assert (app.folder / "alone" / "checkpoints" / "state").exists()
    assert (app.folder / "last").read_text().split() == ["None", "None", "0"]


def test_an_attempt_that_starts_anew_takes_nothing_along(make_app: MakeApp) -> None:
    """Whoever reports step 0 again has a curve of its own, without a warning of Optuna's."""
    body = (
        "number = HydraConfig.get().job.num\nfor step in range(6):\n    qgtune.report(number + step, step)\n"
        "    if step == 3 and not number:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    app = small(make_app, body)
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=1", NO_PRUNER)
    assert run.code == 0, run.err
    first, again = app.trials()
    assert first.intermediate_values == {0: 0, 1: 1, 2: 2, 3: 3}
    assert again.intermediate_values == {step: step + 1 for step in range(6)}


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_nothing_is_lost_under_kills(make_app: MakeApp, start: Start) -> None:
    """Workers are killed all the time: each value is that of an uninterrupted run, and each kill costs one epoch."""
    app = small(make_app, EPOCHS.format(pause=0.05))
    sweep = start(
        app, "hydra.sweeper.n_jobs=4", "hydra.sweeper.n_trials=30", "hydra.sweeper.max_retries=1000", NO_PRUNER
    )
    chance, n_kills = random.Random(0), 0  # noqa: S311 - which one is killed is no secret
    while sweep.process.poll() is None:
        time.sleep(0.5)
        running = (
            [trial for trial in app.trials() if trial.state == TrialState.RUNNING]
            if app.path("study.log").exists()
            else []
        )
        alive = {owner_pid(trial) for trial in running if trial.intermediate_values} & set(processes(app))
        if alive:
            os.kill(chance.choice(sorted(alive)), signal.SIGKILL)
            n_kills += 1
    assert sweep.end() == 0
    complete = [trial for trial in app.trials() if trial.state == TrialState.COMPLETE]
    assert len(complete) == 30
    assert [trial.value for trial in complete] == [value_of(trial.params["lr"]) for trial in complete]
    assert all(list(trial.intermediate_values) == list(range(10)) for trial in complete)
    assert n_kills > 5
    assert len(computed(app)) <= 300 + n_kills


KEEP = "(qgtune.checkpoint_dir() / 'weights').write_bytes(b'w' * 2000)\n"


def test_checkpoints_of_other_trials_are_removed(make_app: MakeApp) -> None:
    """The best and the last stay; nothing is touched that the sweep did not make."""
    app = small(make_app, KEEP)
    app.path("checkpoints", "0").mkdir(parents=True)
    app.path("checkpoints", "0", "mine").touch()
    app.path("checkpoints", "notes").mkdir()
    run = app.sweep("hydra.sweeper.n_trials=8", "hydra.sweeper.keep={best: 2, last: true}")
    assert run.code == 0, run.err
    trials = sorted(app.trials(), key=lambda trial: trial.value or 0)
    stay = {str(trial.number) for trial in trials[:2]} | {"7", "0", "notes"}
    assert {path.name for path in app.path("checkpoints").iterdir()} == stay
    assert app.path("checkpoints", "0", "mine").exists()


def test_clean_says_what_it_would_remove(make_app: MakeApp) -> None:
    """Then it does, but for the best."""
    app = small(make_app, KEEP)
    assert app.sweep("hydra.sweeper.n_trials=4").code == 0
    best = min(app.trials(), key=lambda trial: trial.value or 0).number
    others = {str(number) for number in range(4)} - {str(best)}
    dry = command(app, "clean", "sweep", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert dry.stdout.count("Would remove") == 3
    assert "5.9 KiB would be free." in dry.stdout
    assert len(list(app.path("checkpoints").iterdir())) == 4
    assert "5.9 KiB are free." in command(app, "clean", "sweep").stdout
    assert not {path.name for path in app.path("checkpoints").iterdir()} & others
    assert command(app, "clean", "sweep", "--best", "0").stdout.count("Removed") == 1


def test_checkpoints_of_trials_that_go_on_are_safe(make_app: MakeApp, start: Start) -> None:
    """What was given back is no finished trial, for `keep` and `clean` alike."""
    app = small(
        make_app,
        KEEP + "number = HydraConfig.get().job.num\nif number == 1:\n    Path('started-1').touch()\n    time.sleep(60)",
    )
    sweep = start(app, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3", "hydra.sweeper.keep={best: 0}")
    sweep.wait_until_started(1)
    sweep.ctrl_c()
    assert sweep.end() == 130
    assert app.path("checkpoints", "1", "weights").exists()
    assert command(app, "clean", "sweep", "--best", "0").returncode == 0
    assert app.path("checkpoints", "1", "weights").exists()


@pytest.mark.parametrize("text", ["{worst: 1}", "{best: -1}", "3"])
def test_what_is_kept_is_checked(make_app: MakeApp, text: str) -> None:
    """Before the first trial."""
    run = small(make_app, "pass").sweep(f"hydra.sweeper.keep={text}")
    assert run.code == 1
    assert "Cannot use hydra.sweeper.keep=" in run.err


@pytest.mark.parametrize(
    "deed",
    [
        pytest.param("raise MemoryError('no more')", id="Python's"),
        pytest.param("raise RuntimeError('CUDA error: out of memory')", id="CUDA's"),
        pytest.param(
            "class OutOfMemoryError(RuntimeError): pass\n    raise OutOfMemoryError('Tried to allocate')", id="torch's"
        ),
        pytest.param(
            'raise RuntimeError("DefaultCPUAllocator: can\'t allocate memory: you tried")', id="torch's on a CPU"
        ),
    ],
)
@pytest.mark.parametrize("oom", ["fail", "infeasible"])
def test_values_that_do_not_fit_are_not_run_again(make_app: MakeApp, deed: str, oom: str) -> None:
    """They fail with that reason, or violate a constraint; the memory of each trial is known."""
    app = small(make_app, f"if HydraConfig.get().job.num == 1:\n    {deed}")
    run = app.sweep(f"hydra.sweeper.oom={oom}", "hydra.sweeper.retry_exceptions=true", "hydra.sweeper.max_retries=3")
    assert run.code == 0, run.err
    trials = app.trials()
    assert len(trials) == 3
    assert all(trial.user_attrs["qgtune:memory"]["rss_mib"] > 10 for trial in trials)
    if oom == "fail":
        assert Attempt.of(trials[1]).reason.startswith("out of memory: ")
    else:
        assert trials[1].state == TrialState.PRUNED
        assert trials[1].constraints == {"memory": 1.0}


def test_an_attempt_with_nothing_left_to_do_keeps_the_curve(make_app: MakeApp) -> None:
    """Killed after its last checkpoint, it returns at once; the reports are those of the attempt before."""
    kill = "if start == 0:\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    app = small(make_app, EPOCHS.format(pause=0).replace("return total", f"{kill}return total"))
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=1", NO_PRUNER)
    assert run.code == 0, run.err
    lost, complete = app.trials()
    assert lost.state == TrialState.FAIL
    assert list(complete.intermediate_values) == list(range(10))
    assert complete.value == value_of(complete.params["lr"])
