"""Sweeps whose configurations run once for each of several seeds."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.repeats.measured import Measured
from tests.sweep.sweeps import owner_pid, processes, wait_for
from tests.sweep.test_durable_trials import command, small

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

BODY = """
from hydra.core.hydra_config import HydraConfig
hydra_config = HydraConfig.get()
place = "/".join(Path(hydra_config.runtime.output_dir).parts[-2:])
with open("runs", "a") as out:
    print(place, qgtune.checkpoint_dir().parent.name, qgtune.checkpoint_dir().name, cfg.name, file=out)
{more}
return cfg.lr + cfg.seed / 100
"""
CONFIG = "seed: 0\nname: run-${seed}\nother: 5"
SEEDS = "hydra.sweeper.repeats={path: seed, values: [1, 2, 3], p: 0}"


def repeated(make_app: MakeApp, more: str = "pass") -> App:
    """Make the app."""
    return small(make_app, BODY.replace("{more}", more), more=CONFIG)


def runs(app: App) -> list[str]:
    """Return where the jobs ran, in order."""
    return [line.split()[0] for line in (app.folder / "runs").read_text().splitlines()]


def of_configurations(app: App) -> dict[int, list[FrozenTrial]]:
    """Return the attempts at each configuration."""
    found: dict[int, list[FrozenTrial]] = {}
    for trial in app.trials():
        found.setdefault(Attempt.of(trial).first(trial.number), []).append(trial)
    return found


def assert_whole(app: App, n_trials: int) -> None:
    """Check that each configuration has one value of three repeats with the same hyperparameters."""
    found = of_configurations(app)
    assert len(found) == n_trials
    for trials in found.values():
        (complete,) = (trial for trial in trials if trial.state == TrialState.COMPLETE)
        measured = Measured.of(complete)
        assert measured is not None
        assert sorted(measured.values) == ["seed=1", "seed=2", "seed=3"]
        assert complete.value == pytest.approx(fmean(measured.values.values())) == complete.params["lr"] + 0.02
        assert len({trial.params["lr"] for trial in trials}) == 1


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_each_configuration_runs_once_a_seed(make_app: MakeApp, n_jobs: int) -> None:
    """As jobs in folders below its own; the files of the best one have what holds for all of them."""
    app = repeated(make_app)
    run = app.sweep(SEEDS, f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert_whole(app, 4)
    firsts = of_configurations(app)
    assert Counter(runs(app)) == Counter(f"{first}/seed={seed}" for first in firsts for seed in (1, 2, 3))
    for line in (app.folder / "runs").read_text().splitlines():
        place, first, name, config_name = line.split()
        assert place == f"{first}/{name}"
        assert config_name == f"run-{name.removeprefix('seed=')}"
        assert (app.path(place, ".hydra", "overrides.yaml")).is_file()
    best = min(trial.params["lr"] for trial in app.trials())
    assert app.yaml("best_config.yaml") == {"lr": best, "seed": 0, "name": "run-0", "other": 5}
    assert app.yaml("built_search_space.yaml")["seed"] == 0
    results = app.yaml("optimization_results.yaml")
    assert results["best_value"] == pytest.approx(best + 0.02)
    assert (results["best_repeats"]["n"], results["best_repeats"]["spread"]) == (3, pytest.approx(0.01))
    assert "Finished: 4 trials (4 complete, 0 pruned, 0 failed)." in run.out + run.err


def test_the_commands_speak_of_configurations(make_app: MakeApp) -> None:
    """With the spread and n; a run again has the base settings' seed, or that of the repeat that is named."""
    app = repeated(make_app)
    setting = SEEDS.replace("p: 0", "p: 0, reduce: max")
    run = app.sweep(setting, "hydra.sweeper.n_trials=2", "hydra.sweeper.report=true")
    assert run.code == 0, run.err
    (first, second), best = sorted(of_configurations(app)), min(trial.params["lr"] for trial in app.trials())
    shown = command(app, "show", "sweep", "--csv").stdout.splitlines()
    assert shown[0].startswith("number,state,value,mean,spread,n,")
    assert [line.split(",")[0] for line in shown[1:]] == [str(first), str(second)]
    assert "spread" in command(app, "show", "sweep").stdout
    number = next(trial.number for trial in app.trials() if trial.params["lr"] == best)
    told = command(app, "best", "sweep").stdout
    assert f"trial {number} with {best + 0.03:.6g} (mean {best + 0.02:.6g}, spread 0.01, n 3)" in told
    assert f"Folder: sweep/{number}" in told
    assert f"trial {number}" in app.path("report.html").read_text()
    again = command(app, "rerun", "sweep", "--dry-run")
    assert (again.stdout.split()[-1], again.returncode) == (f"lr={best}", 0)
    assert f"Trial {number} ran with seed=1, seed=2, seed=3: --repeat runs one of these." in again.stderr
    assert "It differs" not in again.stderr
    one = command(app, "rerun", "sweep", "--trial", str(second), "--repeat", "2", "--dry-run")
    assert one.stdout.split()[-1] == "seed=2"
    assert one.stderr == ""
    wrong = command(app, "rerun", "sweep", "--repeat", "9")
    assert f"Cannot run repeat 9 of trial {number}: it ran with seed=1, seed=2, seed=3." in wrong.stderr


CONTINUED = """
file = qgtune.checkpoint_dir() / "epoch"
start = int(file.read_text()) + 1 if file.exists() else 0
for epoch in range(start, 4):
    with open("epochs", "a") as out:
        print(qgtune.checkpoint_dir().parent.name, qgtune.checkpoint_dir().name, epoch, qgtune.last_step(), file=out)
    qgtune.report(cfg.lr, epoch)
    file.write_text(str(epoch))
    if cfg.seed == 2 and epoch == 1 and not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_lost_repeat_goes_on_by_itself(make_app: MakeApp) -> None:
    """From its own checkpoint, in a folder of its own; the other repeats are not run again."""
    app = repeated(make_app, CONTINUED)
    run = app.sweep(SEEDS, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3", "hydra/sweeper/pruner=nop")
    assert run.code == 0, run.err
    assert_whole(app, 3)
    epochs = [line.split() for line in (app.folder / "epochs").read_text().splitlines()]
    assert len(epochs) == 3 * 3 * 4
    (lost,) = (trial for trial in app.trials() if trial.state == TrialState.FAIL)
    first = Attempt.of(lost).first(lost.number)
    assert [str(first), "seed=2", "2", "1"] in epochs
    (again,) = (trial for trial in app.trials() if Attempt.of(trial).turn)
    assert f"{first}/seed=2_{again.number}" in runs(app)
    assert list(again.intermediate_values) == [0, 1, 2, 3]


def test_a_repeat_that_is_lost_for_good_fails_its_configuration(make_app: MakeApp) -> None:
    """It counts once; the sweep goes on with the others."""
    app = repeated(make_app, "assert cfg.lr != 0.1 or cfg.seed != 2, 'no luck'")
    run = app.sweep(SEEDS, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    assert "Finished: 3 trials (2 complete, 0 pruned, 1 failed)." in run.out + run.err
    assert "trial 0/seed=2 failed: AssertionError: no luck" in run.out + run.err
    shown = command(app, "show", "sweep").stdout
    assert "3 trials (2 complete, 1 failed)" in shown
    assert "0: AssertionError: no luck" in shown


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_stopped_sweep_runs_only_what_is_missing(make_app: MakeApp, start: Start, n_jobs: int) -> None:
    """After Ctrl-C in the middle of a configuration."""
    wait = 'while cfg.seed == 3 and not Path("go").exists():\n    time.sleep(0.05)'
    app = repeated(make_app, wait)
    arguments = (SEEDS, f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.n_trials=2")
    sweep = start(app, *arguments)
    wait_for(lambda: (app.folder / "runs").exists() and "0/seed=3" in runs(app))
    wait_for(lambda: sum(Attempt.of(trial).end == "measured" for trial in app.trials()) >= 2)
    sweep.ctrl_c()
    assert sweep.end() == 130
    before = runs(app)
    (app.folder / "go").touch()
    again = command(app, "resume", "sweep")
    assert again.returncode == 0, again.stderr
    assert_whole(app, 2)
    measured = {place for place in before if place.endswith(("=1", "=2")) and place.startswith("0/")}
    assert measured == {"0/seed=1", "0/seed=2"}
    assert not measured & set(runs(app)[len(before) :])


def test_a_killed_worker_costs_its_repeat_only(make_app: MakeApp, start: Start) -> None:
    """Two repeats of one configuration run at the same time; one worker is killed from outside."""
    app = repeated(make_app, 'while not Path("go").exists():\n    time.sleep(0.05)')
    sweep = start(app, SEEDS, "hydra.sweeper.n_jobs=3", "hydra.sweeper.n_trials=1")
    wait_for(lambda: (app.folder / "runs").exists() and len(runs(app)) == 3)
    assert sorted(runs(app)) == ["0/seed=1", "0/seed=2", "0/seed=3"]
    os.kill(owner_pid(app.trials()[1]), signal.SIGKILL)
    wait_for(lambda: len(runs(app)) == 4)
    (app.folder / "go").touch()
    assert sweep.end() == 0
    assert_whole(app, 1)
    assert Counter(Attempt.of(trial).end for trial in app.trials()) == {"measured": 2, "complete": 1, "lost": 1}


PRUNED = "qgtune.report(0.0 if cfg.lr == 0.1 else 1.0 if cfg.seed == 2 else -1.0, 1)"


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_pruned_repeat_prunes_its_configuration(make_app: MakeApp, n_jobs: int) -> None:
    """What it has measured is kept; nothing of it counts as a value."""
    app = repeated(make_app, PRUNED)
    pruner = ("hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=1")
    run = app.sweep(SEEDS, *pruner, f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    ends = {first: Counter(Attempt.of(one).end for one in trials) for first, trials in of_configurations(app).items()}
    assert ends.pop(0) == {"measured": 2, "complete": 1}
    assert all(counts["pruned"] == 1 and not counts["complete"] for counts in ends.values()) or n_jobs > 1
    assert n_jobs > 1 or "(1 complete, 2 pruned, 0 failed)" in run.out + run.err


def test_a_configuration_is_given_up_early(make_app: MakeApp) -> None:
    """The base settings are the best; whatever is worse with two seeds does not run with the third."""
    app = repeated(make_app)
    run = app.sweep(SEEDS, "hydra.sweeper.repeats.p=0.25", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert len(runs(app)) == 3 + 3 * 2
    assert "(1 complete, 3 pruned, 0 failed)" in run.out + run.err
    assert "given up after 2 of 3 repeats" in run.out + run.err
    shown = [line.split(",") for line in command(app, "show", "sweep", "--csv").stdout.splitlines()]
    assert [row[shown[0].index("n")] for row in shown[1:]] == ["3", "2", "2", "2"]


def test_checkpoints_go_with_their_configurations(make_app: MakeApp) -> None:
    """`keep` removes the folders of all repeats of a configuration that is not among the best."""
    app = repeated(make_app)
    run = app.sweep(SEEDS, "hydra.sweeper.keep={best: 1}", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    (kept,) = app.path("checkpoints").iterdir()
    assert kept.name == "0"
    assert sorted(path.name for path in kept.iterdir()) == ["seed=1", "seed=2", "seed=3"]


def test_more_values_may_be_given_later(make_app: MakeApp) -> None:
    """Configurations that have their end keep it; another path, or none at all, does not compare."""
    app = repeated(make_app)
    assert app.sweep(SEEDS, "hydra.sweeper.n_trials=1").code == 0
    more = app.sweep(SEEDS.replace("2, 3", "2, 3, 4"), "hydra.sweeper.n_trials=2")
    assert more.code == 0, more.err
    assert Counter(runs(app)) == Counter([f"0/seed={n}" for n in (1, 2, 3)] + [f"3/seed={n}" for n in (1, 2, 3, 4)])
    for other in ("hydra.sweeper.repeats=null", SEEDS.replace("seed", "other"), SEEDS.replace("1, ", "")):
        run = app.sweep(other, "hydra.sweeper.n_trials=3")
        assert run.code == 1
        assert "its trials ran with repeats={path: seed, values: [1, 2, 3, 4], reduce: mean}, and not" in run.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param((SEEDS.replace("seed", "lr"),), "lr is tuned", id="tuned"),
        pytest.param((SEEDS.replace("seed", "sed"),), "no such path. Did you mean 'seed'?", id="no path"),
        pytest.param((SEEDS, "hydra.sweeper.dependencies={seed: other}"), "seed follows other values", id="follows"),
        pytest.param((SEEDS.replace("1, 2, 3", "1"),), "two values or more", id="one value"),
        pytest.param((SEEDS, "hydra.sweeper.direction=[minimize,maximize]"), "several objectives", id="objectives"),
        pytest.param(
            (SEEDS, "hydra/sweeper/pruner=asha_promote", "hydra.sweeper.fidelity={min: 1, max: 9}"),
            "repeats with hydra/sweeper/pruner=asha_promote",
            id="promotion",
        ),
    ],
)
def test_mistakes_are_named(make_app: MakeApp, arguments: tuple[str, ...], words: str) -> None:
    """Before the first trial."""
    app = repeated(make_app)
    run: Any = app.sweep(*arguments)
    assert run.code == 1
    assert words in run.err
    assert not app.path("study.log").exists()


STRUCTURED = """
from dataclasses import dataclass
from hydra.core.config_store import ConfigStore

@dataclass
class Config:
    lr: float = 0.1
    seed: int = 0

ConfigStore.instance().store(name="schema", node=Config)
"""


def test_values_must_fit_the_config(make_app: MakeApp) -> None:
    """A dataclass says of which type; its best config composes."""
    app = small(make_app, "pass", more="")
    script = (app.folder / "train.py").read_text()
    (app.folder / "train.py").write_text(script.replace("import qgtune\n", f"import qgtune\n{STRUCTURED}\n", 1))
    config = (app.folder / "conf" / "config.yaml").read_text()
    (app.folder / "conf" / "config.yaml").write_text(config.replace("defaults: [", "defaults: [schema, "))
    wrong = app.sweep("hydra.sweeper.repeats={path: seed, values: [1, two]}")
    assert wrong.code == 1
    assert "Cannot use hydra.sweeper.repeats.path=seed: it does not take 'two'" in wrong.err
    assert app.sweep(SEEDS, "hydra.sweeper.n_trials=1").code == 0
    assert app.yaml("best_config.yaml")["seed"] == 0


def test_the_plan_names_the_repeats(make_app: MakeApp) -> None:
    """`dry_run` and the first lines of a sweep; one whose p is too low for any decision says so."""
    app = repeated(make_app)
    shown = app.sweep(SEEDS, "hydra.sweeper.dry_run=true")
    assert "Repeats:   seed=1, seed=2, seed=3; the mean counts" in shown.out
    run = app.sweep(SEEDS, "hydra.sweeper.repeats.p=0.1", "hydra.sweeper.n_trials=1")
    assert "Each runs with seed=1, seed=2, seed=3; the mean counts. None is given up early: p=0.1 takes" in (
        run.out + run.err
    )


def test_a_configuration_is_stopped_as_a_whole(make_app: MakeApp, start: Start) -> None:
    """`qgtune stop` takes the number that people know it by, and ends all of its repeats that run."""
    app = repeated(make_app, 'while cfg.lr == 0.1 and not Path("go").exists():\n    time.sleep(0.05)')
    sweep = start(app, SEEDS, "hydra.sweeper.n_jobs=3", "hydra.sweeper.n_trials=2")
    wait_for(lambda: (app.folder / "runs").exists() and len(runs(app)) >= 3)
    told = command(app, "stop", "sweep", "--trial", "0", "--prune")
    assert told.stdout == "Trial 0 is told to stop.\n"
    assert sweep.end() == 0
    (other,) = {run.partition("/")[0] for run in runs(app)} - {"0"}
    assert sorted(run for run in runs(app) if run.startswith(f"{other}/")) == [f"{other}/seed={n}" for n in (1, 2, 3)]
    assert "2 trials (1 complete, 1 pruned)" in command(app, "show", "sweep").stdout


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_repeats_hold_under_kills(make_app: MakeApp, start: Start) -> None:
    """A worker is killed for each few repeats that end: each configuration has one value, of three that ended once."""
    app = repeated(make_app, "time.sleep(0.3)")
    sweep = start(app, SEEDS, "hydra.sweeper.n_jobs=4", "hydra.sweeper.n_trials=15", "hydra.sweeper.max_retries=1000")
    chance, n_kills = random.Random(0), 0  # noqa: S311 - which one is killed is no secret
    while sweep.process.poll() is None:
        time.sleep(0.1)
        trials = app.trials() if app.path("study.log").exists() else []
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        alive = {owner_pid(trial) for trial in running} & set(processes(app))
        n_ended = sum(trial.state in (TrialState.PRUNED, TrialState.COMPLETE) for trial in trials)
        if alive and n_ended >= 4 * n_kills + 1:
            os.kill(chance.choice(sorted(alive)), signal.SIGKILL)
            n_kills += 1
    assert sweep.end() == 0, sweep.errors.read_text()
    assert n_kills > 5
    assert_whole(app, 15)
    ended = [trial for trial in app.trials() if trial.state != TrialState.FAIL]
    assert len(ended) == 45
