"""Sweeps whose configurations pause at rungs and go on from their checkpoints."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
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

BODY = """
file = qgtune.checkpoint_dir() / "epoch"
start = int(file.read_text()) + 1 if file.exists() else 0
loss = cfg.lr + 1 / start if start else 9.0
for epoch in range(start, {target}):
    with open("epochs", "a") as out:
        print(qgtune.checkpoint_dir().name, epoch, file=out)
    time.sleep({pause})
    loss = cfg.lr + 1 / (epoch + 1)
    qgtune.report(loss, epoch)
    file.with_name(str(os.getpid())).write_text(str(epoch))
    file.with_name(str(os.getpid())).replace(file)
return loss
"""
PROMOTE = ("hydra/sweeper/pruner=asha_promote", "hydra.sweeper.fidelity={path: epochs, min: 1, max: 9, factor: 3}")


def promoted(make_app: MakeApp, pause: float = 0.0, target: str = "cfg.epochs") -> App:
    """Make the app."""
    app = small(make_app, BODY.format(pause=pause, target=target), more="epochs: 5")
    script = (app.folder / "train.py").read_text()
    (app.folder / "train.py").write_text(script.replace("    return cfg.lr\n", ""))
    return app


def computed(app: App) -> Counter[tuple[str, int]]:
    """Return how often each epoch of each configuration was computed."""
    lines = (app.folder / "epochs").read_text().splitlines()
    return Counter((line.split()[0], int(line.split()[1])) for line in lines)


def firsts(app: App) -> set[int]:
    """Return the first attempts."""
    found = [(trial.number, Attempt.of(trial).repeats) for trial in app.trials()]
    return {number if first is None else first for number, first in found}


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_one_in_three_goes_on(make_app: MakeApp, n_jobs: int) -> None:
    """The total counts configurations; no epoch is computed twice; the best one completes, with a whole curve."""
    app = promoted(make_app)
    run = app.sweep(*PROMOTE, f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.n_trials=18")
    assert run.code == 0, run.err
    assert len(firsts(app)) == 18
    assert set(computed(app).values()) == {1}
    ends = Counter(Attempt.of(trial).end for trial in app.trials())
    assert ends["complete"] >= 1
    assert ends["paused"] >= 18
    complete = [trial for trial in app.trials() if trial.state == TrialState.COMPLETE]
    assert all(list(trial.intermediate_values) == list(range(9)) for trial in complete)
    best = min(trial.params["lr"] for trial in app.trials())
    assert best in [trial.params["lr"] for trial in complete]
    assert app.yaml("best_config.yaml")["epochs"] == 9
    assert len(computed(app)) < 18 * 9 / 2
    again = command(app, "rerun", "sweep")
    assert again.returncode == 0, again.stderr
    assert "18 trials" in run.out + run.err


def test_the_function_may_ask_for_its_target(make_app: MakeApp) -> None:
    """Where no path of the config has it."""
    app = promoted(make_app, target="(qgtune.target_step() or cfg.epochs)")
    (app.folder / "train.py").write_text(
        (app.folder / "train.py").read_text().replace("    assert (qgtune", "    # (qgtune")
    )
    run = app.sweep(PROMOTE[0], "hydra.sweeper.fidelity={min: 1, max: 9, factor: 3}", "hydra.sweeper.n_trials=9")
    assert run.code == 0, run.err
    assert len(firsts(app)) == 9
    assert max(epoch for _, epoch in computed(app)) == 8
    assert app.run().code == 0


def test_a_stopped_sweep_goes_on_with_its_rungs(make_app: MakeApp, start: Start) -> None:
    """After Ctrl-C the same command ends with the same total."""
    app = promoted(make_app, pause=0.1)
    sweep = start(app, *PROMOTE, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=12")
    wait_for(lambda: (app.folder / "epochs").exists() and len(computed(app)) > 8)
    sweep.ctrl_c()
    assert sweep.end() == 130
    again = app.sweep(*PROMOTE, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=12")
    assert again.code == 0, again.err
    assert len(firsts(app)) == 12
    assert sum(computed(app).values()) - len(computed(app)) <= 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(PROMOTE[:1], "give hydra.sweeper.fidelity, too", id="no fidelity"),
        pytest.param(PROMOTE[1:], "it is for hydra/sweeper/pruner=asha_promote", id="another pruner"),
        pytest.param((PROMOTE[0], "hydra.sweeper.fidelity={path: lr, min: 1, max: 9}"), "it is tuned", id="tuned"),
        pytest.param((PROMOTE[0], "hydra.sweeper.fidelity={path: nope, min: 1, max: 9}"), "no such path", id="no path"),
        pytest.param(
            (PROMOTE[0], "hydra.sweeper.fidelity={path: epochs, min: 9, max: 1}"), "min must be below", id="ends"
        ),
        pytest.param((*PROMOTE, "hydra.sweeper.direction=[minimize,maximize]"), "cannot be pruned", id="objectives"),
    ],
)
def test_mistakes_are_named(make_app: MakeApp, arguments: tuple[str, ...], words: str) -> None:
    """Before the first trial."""
    run = promoted(make_app).sweep(*arguments)
    assert run.code == 1
    assert words in run.err


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_rungs_hold_under_kills(make_app: MakeApp, start: Start) -> None:
    """Workers are killed all the time: the total holds, and each kill costs one epoch."""
    app = promoted(make_app, pause=0.05)
    sweep = start(
        app, *PROMOTE, "hydra.sweeper.n_jobs=4", "hydra.sweeper.n_trials=40", "hydra.sweeper.max_retries=1000"
    )
    chance, n_kills = random.Random(0), 0  # noqa: S311 - which one is killed is no secret
    while sweep.process.poll() is None:
        time.sleep(0.5)
        trials = app.trials() if app.path("study.log").exists() else []
        running = [trial for trial in trials if trial.state == TrialState.RUNNING and trial.intermediate_values]
        alive = {owner_pid(trial) for trial in running} & set(processes(app))
        if alive:
            os.kill(chance.choice(sorted(alive)), signal.SIGKILL)
            n_kills += 1
    assert sweep.end() == 0
    assert len(firsts(app)) == 40
    assert sum(computed(app).values()) - len(computed(app)) <= n_kills
    complete = [trial for trial in app.trials() if trial.state == TrialState.COMPLETE]
    assert min(trial.params["lr"] for trial in app.trials()) in [trial.params["lr"] for trial in complete]
    assert all(list(trial.intermediate_values) == list(range(9)) for trial in complete)
