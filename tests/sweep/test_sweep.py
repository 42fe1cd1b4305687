"""Real sweeps of small apps, each in a process of its own."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from qgtune.study.attempts.attempt import Attempt
from tests.conftest import CONFIG, App
from tests.sweep.sweeps import owner_pid

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeApp = Callable[..., App]

pytestmark = [pytest.mark.slow, pytest.mark.matrix]


def states(app: App) -> list[str]:
    """Return the states of the study's trials, in order."""
    return [trial.state.name for trial in app.trials()]


def test_plain_run_holds_dependencies(app: App) -> None:
    """Without a sweep, a dependency follows its source, here one that the command line set."""
    run = app.run("model.layers.0.out_dim=24")
    assert run.code == 0, run.err
    config = yaml.safe_load(next(app.folder.glob("outputs/*/*/.hydra/config.yaml")).read_text())
    assert config["model"]["layers"][1]["in_dim"] == "${qgtune.ref:model.layers.0.out_dim}"


def test_plain_run_lets_the_command_line_win(make_app: MakeApp) -> None:
    """A value for a dependency's target wins, and a warning says so."""
    app = make_app("print('in_dim', cfg.model.layers[1].in_dim)\n" + "return 0.0")
    (app.folder / "train.py").write_text((app.folder / "train.py").read_text().replace("assert", "_ ="))
    run = app.run("model.layers.1.in_dim=99")
    assert "in_dim 99" in run.out
    assert "model.layers.1.in_dim was set on the command line" in run.out


def test_plain_run_keeps_overrides_that_do_not_resolve(app: App) -> None:
    """An override whose resolver nobody registered is no concern of the dependencies': the app may never ask for it."""
    run = app.run("+unused=${nobodys:1}")
    assert run.code == 0, run.err
    assert "nobodys" not in run.err


def test_plain_run_names_a_broken_dependency(app: App) -> None:
    """A dependency that points nowhere ends a plain run with one line."""
    run = app.run("hydra.sweeper.dependencies.model.layers=[{},{in_dim:model.layers.0.out}]")
    assert run.code == 1
    assert "Cannot let model.layers.1.in_dim follow 'model.layers.0.out'" in run.err
    assert "Did you mean 'model.layers.0.out_dim'" in run.err
    assert "Traceback" not in run.err


def test_sweep_leaves_what_hydra_users_know(app: App) -> None:
    """Each trial is a Hydra job in a folder named by its number, and the results stand in the sweep folder."""
    run = app.sweep()
    assert run.code == 0, run.err
    assert run.err == ""
    assert states(app) == ["COMPLETE"] * 4
    names = {path.name for path in app.path().iterdir() if not path.name.startswith(".")}
    files = {"multirun", "built_search_space", "best_trial", "best_config", "optimization_results"}
    assert names == {"0", "1", "2", "3", "study.log", "provenance.json", *(f"{name}.yaml" for name in files)}
    for number in range(4):
        assert {path.name for path in app.path(str(number), ".hydra").iterdir()} == {
            "config.yaml",
            "hydra.yaml",
            "overrides.yaml",
        }
        assert app.path(str(number), "train.log").exists()
        hydra = app.yaml(str(number), ".hydra", "hydra.yaml")["hydra"]
        assert hydra["job"]["num"] == number
        assert hydra["runtime"]["output_dir"] == str(app.path(str(number)))


def test_result_files_agree_with_the_study(app: App) -> None:
    """Best trial, best config and summary hold the study's best values, to the last bit."""
    app.sweep()
    best = min(app.trials(), key=lambda trial: trial.value or 0)
    assert app.yaml("best_trial.yaml") == best.params
    assert app.yaml("optimization_results.yaml") == {
        "name": "optuna",
        "best_params": best.params,
        "best_value": best.value,
    }
    config = app.yaml("best_config.yaml")
    assert config["model"]["name"] == "tuned"
    assert config["model"]["layers"][1]["in_dim"] == best.params["model.layers.0.out_dim"]
    assert config["model"]["layers"][0]["sizes"] == [1, 2]
    assert config["training"] == {"lr": best.params["training.lr"], "batch_size": 32}


def test_best_config_runs_with_the_printed_command(app: App) -> None:
    """The command that the sweep prints runs the best trial again, and its file runs by itself."""
    out = app.sweep().out
    command = re.search(r"Run the best again: +qgtune (rerun .*)", out)
    assert command is not None
    for arguments in (
        ["-m", "qgtune", *shlex.split(command[1])],
        ["train.py", "-cp", app.path(), "-cn", "best_config"],
    ):
        subprocess.run([sys.executable, *arguments], cwd=app.folder, check=True, timeout=60)


def test_overrides_replay_a_trial_without_any_sweeper(app: App) -> None:
    """The overrides of a trial give its config, derived values included, where nothing else resolves them."""
    app.sweep()
    overrides = app.yaml("2", ".hydra", "overrides.yaml")
    run = app.run("--cfg", "job", *overrides)
    assert run.code == 0, run.err
    trial = app.trials()[2]
    config = yaml.safe_load(run.out)
    assert config["training"]["lr"] == trial.params["training.lr"]
    assert config["model"]["name"] == "tuned"
    assert config["model"]["layers"][1]["in_dim"] == trial.params["model.layers.0.out_dim"]


def test_replayed_overrides_do_not_warn(app: App) -> None:
    """A dependency's target on the command line is no cause for a warning when it has the dependency's value."""
    app.sweep()
    run = app.run(*app.yaml("2", ".hydra", "overrides.yaml"))
    assert run.code == 0, run.err
    assert "was set on the command line" not in run.out


def test_the_issue_command_line_works(app: App) -> None:
    """Ranges and choices on the command line add and replace; a value fixes."""
    run = app.sweep(
        "training.lr=tag(log,interval(1e-3,1e-2))", "training.batch_size=16,32", "model.layers.0.out_dim=64"
    )
    assert run.code == 0, run.err
    for trial in app.trials():
        assert set(trial.params) == {"training.lr", "training.batch_size"}
        assert 1e-3 <= trial.params["training.lr"] <= 1e-2
    assert app.yaml("best_config.yaml")["model"]["layers"][1]["in_dim"] == 64


def test_params_are_overridden_by_arguments(app: App) -> None:
    """`hydra.sweeper.params` holds the same as the command line, which wins."""
    run = app.sweep(
        "hydra.sweeper.params={training.batch_size:'choice(1,2)',training.lr:'interval(1,2)'}", "training.lr=0.5"
    )
    assert run.code == 0, run.err
    assert {name for trial in app.trials() for name in trial.params} == {
        "training.batch_size",
        "model.layers.0.out_dim",
    }


def test_space_and_dependencies_from_files(make_app: MakeApp) -> None:
    """Both may be the paths of YAML files, relative to the folder that the command is run in."""
    config = CONFIG.split("hydra:")[0]
    space = "training:\n  lr: {type: tuple, value: [1e-3, 1e-1, true]}\n"
    dependencies = "model:\n  layers: [{}, {in_dim: 'model.layers[0].out_dim'}]\n"
    app = make_app("pass", config, space=space, deps=dependencies)
    arguments = ["hydra.sweeper.search_space=space.yaml", "hydra.sweeper.dependencies=deps.yaml"]
    run = app.sweep(*arguments, "hydra.sweeper.n_trials=2", "model.layers.0.out_dim=5,6")
    assert run.code == 0, run.err
    assert app.yaml("best_config.yaml")["model"]["layers"][1]["in_dim"] in {5, 6}


def test_a_missing_file_is_named(app: App) -> None:
    """A space file that is not there is one line, and nothing is left behind."""
    run = app.sweep("hydra.sweeper.search_space=no.yaml")
    assert run.code == 1
    assert "Cannot read the search space: there is no file" in run.err
    assert not app.path().exists()


def test_space_from_a_config_group(make_app: MakeApp) -> None:
    """A config group provides the space, and every part of it can be overridden."""
    config = CONFIG.split("    search_space:")[0].replace("defaults:", "defaults:\n  - space: small")
    group = "# @package hydra.sweeper.search_space\ntraining:\n  lr: {type: tuple, value: [0.1, 0.2]}\n"
    app = make_app("pass", config, conf__space__small=group)
    (app.folder / "train.py").write_text((app.folder / "train.py").read_text().replace("assert", "_ ="))
    run = app.sweep("hydra.sweeper.search_space.training.lr.value=[0.5,0.6]")
    assert run.code == 0, run.err
    assert all(0.5 <= trial.params["training.lr"] <= 0.6 for trial in app.trials())


def test_config_groups_are_swept(make_app: MakeApp) -> None:
    """A choice between config groups composes each option, and the rest of the space is sampled in it."""
    config = CONFIG.replace("defaults:\n", "defaults:\n  - opt: sgd\n").replace("n_trials: 4", "n_trials: 8")
    app = make_app("pass", config, conf__opt__sgd="kind: sgd\nmomentum: 0.9\n", conf__opt__adam="kind: adam\n")
    run = app.sweep("opt=choice(sgd,adam)")
    assert run.code == 0, run.err
    assert {trial.params["opt"] for trial in app.trials()} == {"sgd", "adam"}
    for trial in app.trials():
        config_of_trial = app.yaml(str(trial.number), ".hydra", "config.yaml")
        assert config_of_trial["opt"]["kind"] == trial.params["opt"]
        assert f"opt={trial.params['opt']}" in app.yaml(str(trial.number), ".hydra", "overrides.yaml")


def test_lists_and_mappings_as_choices(app: App) -> None:
    """A choice may be a list or a mapping: injected as such, stored as text, and given back as such."""
    run = app.sweep("model.layers.0.sizes=choice([1,2,3],[4])", "hydra.sweeper.n_trials=3")
    assert run.code == 0, run.err
    assert {trial.params["model.layers.0.sizes"] for trial in app.trials()} <= {"[1,2,3]", "[4]"}
    assert app.yaml("best_trial.yaml")["model.layers.0.sizes"] in ([1, 2, 3], [4])
    assert app.yaml("best_config.yaml")["model"]["layers"][0]["sizes"] in ([1, 2, 3], [4])


def test_all_mistakes_are_reported_at_once(app: App) -> None:
    """Mistakes in the arguments, the dependencies, the storage and the sampler are one line each; nothing is made."""
    (app.folder / "taken").mkdir()
    run = app.sweep(
        "training.lx=interval(0,1)",
        "hydra.sweeper.storage=taken",
        "+hydra.sweeper.sampler.foo=3",
        "hydra.sweeper.dependencies.model.layers=[{},{in_dim:model.layers.7.out_dim}]",
    )
    assert run.code == 1
    assert "Cannot use training.lx of the command line" in run.err
    assert "index 7 is out of range" in run.err
    assert "it is a folder" in run.err
    assert "Cannot build the sampler" in run.err
    assert "Traceback" not in run.err
    assert not app.path().exists()


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        pytest.param("+hydra.sweeper.n_trial=3", "Did you mean 'n_trials'", id="unknown key"),
        pytest.param("hydra.sweeper.n_trials=0", "must be 1 or more", id="no trials"),
        pytest.param("hydra.sweeper.direction=up", "give `minimize` or `maximize`", id="direction"),
        pytest.param("hydra.sweeper.max_failure_rate=2", "must lie in", id="rate"),
        pytest.param("training.lr=interval(2,1)", "above its high end", id="reversed"),
        pytest.param("training.lr=tag(log,interval(0,1))", "must start above zero", id="log from zero"),
        pytest.param("hydra.sweeper.tune=[modl]", "Did you mean 'model'", id="tune"),
        pytest.param("hydra.sweeper.search_space=null", "there is nothing to tune", id="empty"),
        pytest.param("hydra.sweeper.sampler._target_=optuna.samplers.TPE", "Did you mean 'TPESampler'", id="sampler"),
    ],
)
def test_a_mistake_is_one_line(app: App, argument: str, message: str) -> None:
    """A mistake ends the sweep before anything is made, with a line that says the way out."""
    run = app.sweep(argument)
    assert run.code == 1
    assert message in run.err
    assert "Traceback" not in run.err
    assert not app.path().exists()


def test_memory_needs_one_worker(app: App) -> None:
    """A study in memory runs with one worker and leaves no journal; with two it is refused."""
    assert app.sweep("hydra.sweeper.storage=memory").code == 0
    assert not app.path("study.log").exists()
    for other in ("hydra.sweeper.n_jobs=2", "hydra/launcher=qgtune"):
        run = app.sweep("hydra.sweeper.storage=memory", other)
        assert run.code == 1
        assert "Cannot share a study in memory" in run.err


def test_pruned_trials_are_pruned(make_app: MakeApp) -> None:
    """A pruned trial is PRUNED in the study and no error on the terminal."""
    app = make_app("for step in range(3):\n    qgtune.report(HydraConfig.get().job.num, step)")
    run = app.sweep("+hydra.sweeper.pruner.n_startup_trials=1", "hydra.sweeper.n_trials=4")
    assert run.code == 0
    assert states(app) == ["COMPLETE", "PRUNED", "PRUNED", "PRUNED"]
    assert run.err == ""
    assert "trial 1: pruned" in run.out


def test_live_trial_takes_attributes(make_app: MakeApp) -> None:
    """The live trial is Optuna's own: attributes set on it are in the study."""
    app = make_app("qgtune.current_trial().set_user_attr('width', cfg.model.layers[0].out_dim)")
    app.sweep()
    assert [trial.user_attrs["width"] for trial in app.trials()] == [
        trial.params["model.layers.0.out_dim"] for trial in app.trials()
    ]


def test_stand_in_outside_a_sweep(make_app: MakeApp) -> None:
    """Without a sweep, reports are logged and nothing is pruned."""
    app = make_app("qgtune.report(0.5, 7)\nassert not qgtune.current_trial().should_prune()")
    run = app.run()
    assert run.code == 0, run.err
    assert "step 7: 0.5" in run.out


def test_a_failing_trial_does_not_stop_the_sweep(make_app: MakeApp) -> None:
    """The traceback is in the job's log, its last line on the terminal, the reason in the study."""
    app = make_app("if HydraConfig.get().job.num == 1:\n    raise ValueError('odd one out')")
    run = app.sweep()
    assert run.code == 0
    assert states(app) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert Attempt.of(app.trials()[1]).reason == "ValueError: odd one out"
    assert "trial 1 failed: ValueError: odd one out" in run.out
    assert "Traceback" not in run.out + run.err
    log = app.path("1", "train.log").read_text()
    assert "Traceback" in log
    assert "ValueError: odd one out" in log


def test_a_broken_script_does_not_burn_the_budget(make_app: MakeApp) -> None:
    """When the first n_jobs + 2 trials all fail, the sweep stops and shows the error; mended, it goes on."""
    app = make_app("if not Path('mended').exists():\n    raise ValueError('broken')")
    run = app.sweep("hydra.sweeper.n_trials=20")
    assert run.code == 1
    assert states(app) == ["FAIL"] * 3
    assert "the first 3 trials all failed. Trial 2 failed: ValueError: broken" in run.err
    (app.folder / "mended").touch()
    assert app.sweep("hydra.sweeper.n_trials=6").code == 0
    assert states(app) == ["FAIL"] * 3 + ["COMPLETE"] * 3


def test_max_failure_rate_stops(make_app: MakeApp) -> None:
    """With a rate of zero, one failure stops the sweep."""
    app = make_app("if HydraConfig.get().job.num == 1:\n    raise ValueError('odd one out')")
    run = app.sweep("hydra.sweeper.max_failure_rate=0")
    assert run.code == 1
    assert states(app) == ["COMPLETE", "FAIL"]
    assert "max_failure_rate=0" in run.err


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param("float('nan')", "it returned NaN", id="NaN"),
        pytest.param("None", "it returned None", id="None"),
        pytest.param("'0.5'", "it returned the text '0.5'", id="text"),
        pytest.param("{}", "it returned 0 values", id="mapping"),
        pytest.param("[1.0, 2.0]", "it returned 2 values", id="two values"),
        pytest.param("sys.exit(3)", "it called sys.exit(3)", id="exit"),
    ],
)
def test_useless_results_fail_the_trial(make_app: MakeApp, value: str, reason: str) -> None:
    """A result that is no number fails its trial with a reason; when no trial completes, the summary says so."""
    app = make_app(f"return {value}")
    run = app.sweep("hydra.sweeper.n_trials=1")
    assert states(app) == ["FAIL"]
    assert Attempt.of(app.trials()[0]).reason.startswith(reason)
    assert "No trial completed" in run.err
    assert run.code == 1


def test_resume_finishes_the_rest_and_overwrites_nothing(app: App) -> None:
    """The same command goes on; a finished study says so and exits with 0."""
    app.sweep()
    before = app.path("3", ".hydra", "config.yaml").read_bytes()
    run = app.sweep("hydra.sweeper.n_trials=6")
    assert "goes on: 4 of 6 trials are there" in run.out
    assert len(app.trials()) == 6
    assert app.path("3", ".hydra", "config.yaml").read_bytes() == before
    points = {tuple(trial.params.values()) for trial in app.trials()}
    assert len(points) == 6
    run = app.sweep("hydra.sweeper.n_trials=6")
    assert run.code == 0
    assert "is finished: 6 of 6" in run.out
    assert len(app.trials()) == 6


def test_changed_choices_are_refused_and_changed_ranges_told(app: App) -> None:
    """On resume a changed range is a notice; changed choices, which Optuna does not allow, are an error."""
    app.sweep()
    run = app.sweep("hydra.sweeper.n_trials=5", "training.lr=tag(log,interval(0.2,0.3))")
    assert run.code == 0, run.err
    assert "Hyperparameter training.lr was" in run.out
    run = app.sweep("hydra.sweeper.n_trials=6", "model.layers.0.out_dim=1,2")
    assert run.code == 1
    assert "model.layers.0.out_dim was one of 16, 32, 64 and is now one of 1, 2" in run.err
    assert "study_name" in run.err
    assert len(app.trials()) == 5


def test_one_worker_repeats_its_sequence(app: App) -> None:
    """The same seed gives the same points from a fresh study."""
    app.sweep()
    first = [trial.params for trial in app.trials()]
    shutil.rmtree(app.path())
    app.sweep()
    assert [trial.params for trial in app.trials()] == first


def test_timeout_ends_asking(make_app: MakeApp) -> None:
    """After the timeout no trial starts, and the running one finishes."""
    app = make_app("time.sleep(0.6)")
    run = app.sweep("hydra.sweeper.timeout=0.3", "hydra.sweeper.n_trials=9")
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE"]


def test_callbacks_see_trials_and_no_workers(make_app: MakeApp) -> None:
    """A user's callback gets each trial as a job, once."""
    config = CONFIG + "  callbacks:\n    mine: {_target_: seen.Seen}\n"
    app = make_app("pass", config)
    (app.folder / "seen.py").write_text(
        "from hydra.experimental.callback import Callback\n"
        "class Seen(Callback):\n"
        "    def on_job_start(self, config, **kwargs):\n"
        "        print('seen start', config.hydra.job.num)\n"
        "    def on_job_end(self, config, job_return, **kwargs):\n"
        "        print('seen end', config.hydra.job.num, job_return.status.name)\n"
    )
    run = app.sweep("hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1", "hydra.sweeper.output=plain")
    lines = [line for line in run.out.splitlines() if line.startswith("seen")]
    assert lines == ["seen start 0", "seen end 0 COMPLETED", "seen start 1", "seen end 1 COMPLETED"]


def test_chdir_and_override_dirname(make_app: MakeApp) -> None:
    """Jobs honour `hydra.job.chdir`, and folders may be named by their overrides."""
    app = make_app("Path('here').touch()")
    run = app.sweep(
        "hydra.job.chdir=true",
        "hydra.sweeper.n_trials=1",
        "training.batch_size=7",
        "hydra.sweep.subdir='${hydra.job.num}-${hydra.job.override_dirname}'",
    )
    assert run.code == 0, run.err
    found = list(app.path().glob("0-*/here"))
    assert len(found) == 1
    assert "training.batch_size=7" in found[0].parent.name


def test_worker_leaves_no_traces(app: App) -> None:
    """Worker processes are no jobs: no folder, no log of their own."""
    run = app.sweep("hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert "2 worker processes are used" in run.out
    folders = sorted(path.name for path in app.path().glob("[!.]*") if path.is_dir())
    assert folders == ["0", "1", "2", "3"]
    assert [path.name for path in app.path().glob("*.log")] == ["study.log"]


def test_workers_never_share_a_stream(app: App) -> None:
    """With one seed and two workers, all points differ."""
    app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=12", "hydra/sweeper/sampler=random")
    values = [trial.params["training.lr"] for trial in app.trials()]
    assert len(values) == 12
    assert len(set(values)) == 12


def test_plain_hydra_sweep_on_our_launcher(make_app: MakeApp) -> None:
    """`hydra/launcher=qgtune` runs any sweeper's jobs in processes."""
    app = make_app("pass", CONFIG.split("hydra:")[0].replace("  - override hydra/sweeper: qgtune\n", ""))
    run = app.sweep("hydra/launcher=qgtune", "training.lr=0.1,0.2", "model.layers.1.in_dim=16")
    assert run.code == 0, run.err
    assert app.yaml("1", ".hydra", "config.yaml")["training"]["lr"] == 0.2


@pytest.mark.parametrize("sampler", ["grid", "bruteforce"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_visits_every_point_once(app: App, sampler: str, n_jobs: int) -> None:
    """A grid covers every value of its ranges, ends included, and stops when it is through."""
    run = app.sweep(
        f"hydra/sweeper/sampler={sampler}",
        "hydra.sweeper.n_trials=50",
        f"hydra.sweeper.n_jobs={n_jobs}",
        "training.lr=range(0.1,0.4,0.1)",
        "model.layers.0.out_dim=1,2",
    )
    assert run.code == 0, run.err
    points = [tuple(trial.params.values()) for trial in app.trials()]
    assert len(points) == 6
    if sampler == "grid" or n_jobs == 1:
        assert len(set(points)) == 6


def test_a_sampler_of_ones_own(app: App) -> None:
    """`_target_` takes any sampler that Python can import, with its arguments."""
    (app.folder / "mine.py").write_text(
        "import optuna\nclass Mine(optuna.samplers.RandomSampler):\n"
        "    def __init__(self, low, seed=None):\n        super().__init__(seed)\n        self.low = low\n"
        "    def sample_independent(self, study, trial, name, distribution):\n"
        "        value = super().sample_independent(study, trial, name, distribution)\n"
        "        return self.low if name == 'training.lr' else value\n"
    )
    run = app.sweep(
        "hydra.sweeper.sampler._target_=mine.Mine", "hydra.sweeper.sampler.low=0.05", "hydra.sweeper.enqueue_base=false"
    )
    assert run.code == 0, run.err
    assert {trial.params["training.lr"] for trial in app.trials()} == {0.05}


def test_nested_pruners(app: App) -> None:
    """A pruner around another one is built from nested targets."""
    run = app.sweep(
        "hydra/sweeper/pruner=patient",
        "hydra.sweeper.pruner.patience=2",
        "hydra.sweeper.pruner.wrapped_pruner={_target_:optuna.pruners.MedianPruner}",
    )
    assert run.code == 0, run.err


def test_early_stop_ends_all_workers(make_app: MakeApp) -> None:
    """When the study is good enough, or gets no better, every worker stops asking, and the sweep says why."""
    app = make_app("return float(HydraConfig.get().job.num)")
    run = app.sweep("hydra.sweeper.stop_after_no_improvement=3", "hydra.sweeper.n_trials=50", "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert 4 <= len(app.trials()) <= 6
    assert "Stopped: " in run.out
    assert "trials brought no better value than 0" in run.out


def test_a_study_that_is_good_enough_stops(make_app: MakeApp) -> None:
    """The goal is reached from below when the study maximizes."""
    app = make_app("return float(HydraConfig.get().job.num)")
    run = app.sweep("hydra.sweeper.stop_at=2", "hydra.sweeper.direction=maximize", "hydra.sweeper.n_trials=50")
    assert run.code == 0, run.err
    assert "Stopped: the best value 2 reaches stop_at=2" in run.out
    assert len(app.trials()) == 3


def test_a_new_study_does_not_overwrite_another(app: App) -> None:
    """Another study's jobs are not written over those that are there."""
    app.sweep()
    before = app.path("0", ".hydra", "config.yaml").read_bytes()
    run = app.sweep("hydra.sweeper.study_name=other")
    assert run.code == 1
    assert "the folder holds another study's jobs" in run.err
    assert len(app.trials()) == 4
    assert app.path("0", ".hydra", "config.yaml").read_bytes() == before


def test_workers_ride_on_joblib(app: App) -> None:
    """Under joblib's launcher workers run in its processes, and leave no jobs of their own."""
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="needs the extra joblib")
    run = app.sweep("hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=5")
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE"] * 5
    assert len({owner_pid(trial) for trial in app.trials()}) <= 2
    assert sorted(path.name for path in app.path().glob("[!.]*") if path.is_dir()) == ["0", "1", "2", "3", "4"]
    assert not list(app.path().glob("train.log"))


STRUCTURED = """
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, List
import hydra
from hydra.core.config_store import ConfigStore

class Act(Enum):
    RELU = "relu"
    GELU = "gelu"
@dataclass
class Config:
    defaults: List[Any] = field(default_factory=lambda: ["_self_", {"override hydra/sweeper": "qgtune"}])
    act: Act = Act.RELU
    root: Path = Path("/data")
    drop: float = 0.0
ConfigStore.instance().store(name="config", node=Config)

@hydra.main(version_base="1.3", config_path=None, config_name="config")
def main(cfg):
    assert isinstance(cfg.act, Act) and isinstance(cfg.root, Path), cfg
    return cfg.drop
if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_the_best_config_of_a_structured_one_has_its_types(app: App) -> None:
    """Run by itself, it composes the schema first: an Enum is a member, a path a `Path`."""
    (app.folder / "train.py").write_text(STRUCTURED)
    run = app.sweep("act=GELU,RELU", "drop=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.report=false")
    assert run.code == 0, run.err
    assert app.yaml("best_config.yaml")["defaults"] == ["config", "_self_"]
    again = app.run("-cp", str(app.path()), "-cn", "best_config")
    assert again.code == 0, again.err
