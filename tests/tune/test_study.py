"""Studies of plain objectives: settings, storage, results, workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
import pytest
import yaml

from qgtune import QGTuneError, tune
from qgtune.study.algorithms.pruning import WorstQuarterPruner
from qgtune.study.attempts.attempt import Attempt
from tests.conftest import stock_study
from tests.sweep.sweeps import owner_pid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna.trial import Trial

DATA = Path(__file__).parents[1] / "data"


def square(trial: Trial, tuning_config: dict[str, Any]) -> float:
    """Return (x - 1)², shifted by what the tuning config says."""
    return (trial.suggest_float("x", -2, 2) - 1) ** 2 + len(tuning_config["study_name"]) * 0.0


def settings(**changes: Any) -> dict[str, Any]:
    """Return a tuning config."""
    return {"study_name": "s", "storage": None, "direction": "minimize", "n_trials": 4, "seed": 1, **changes}


def test_the_reference_settings_are_known() -> None:
    """Every key of the reference file is known; its paths are relative to the file."""
    found = tune.get_tuning_settings(DATA / "tuning_config.yaml")
    given = yaml.safe_load((DATA / "tuning_config.yaml").read_text())
    assert set(given) <= set(found)
    assert found["storage"] == str(DATA / "experiments" / "results.log")
    assert found["base_settings_path"] == str(DATA / "base_settings.yam")
    assert (found["n_trials"], found["n_processes"], found["n_iterations"]) == (20, 4, 8)


def test_settings_name_all_problems(tmp_path: Path) -> None:
    """Unknown keys come with the nearest known one, wrong values with the reason; all at once."""
    file = tmp_path / "tuning.yaml"
    file.write_text("n_trails: 3\nn_jobs: 0\ndirection: up\ntune_model: 1\npruner: medium\nsampler: {name: tpe}\n")
    with pytest.raises(QGTuneError) as caught:
        tune.get_tuning_settings(file)
    assert len(caught.value.problems) == 5
    for part in (
        "Did you mean 'n_trials'",
        "n_jobs=0",
        "`minimize` or `maximize`",
        "neither true nor false",
        "'median'",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"direction": "sideways"}, "give `minimize` or `maximize`", id="direction"),
        pytest.param({"study_name": None}, "it is no text", id="name"),
        pytest.param({"pruner": "medium"}, "Did you mean 'median'", id="pruner"),
        pytest.param({"sampler": {"name": "tpe", "foo": 1}}, "unexpected keyword argument 'foo'", id="argument"),
        pytest.param({"storage": str(DATA)}, "it is a folder", id="folder"),
    ],
)
def test_create_study_refuses(change: dict[str, Any], message: str) -> None:
    """A wrong value is one clear error."""
    with pytest.raises(QGTuneError, match=message):
        tune.create_study(settings(**change))


def test_create_study_wants_a_mapping() -> None:
    """Anything but a mapping is a type error."""
    with pytest.raises(TypeError, match="tuning_config must be a mapping"):
        tune.create_study("tuning.yaml")  # type: ignore[arg-type]


def test_create_study_makes_and_loads(tmp_path: Path) -> None:
    """The journal's folder is made; a second call loads what the first made; stock Optuna reads it."""
    config = settings(storage=str(tmp_path / "deep" / "s.log"), direction="maximize")
    study = tune.create_study(config)
    assert isinstance(study.pruner, WorstQuarterPruner)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    again = tune.create_study(config)
    assert len(again.trials) == 2
    assert again.direction == optuna.study.StudyDirection.MAXIMIZE
    assert len(stock_study(tmp_path / "deep" / "s.log").trials) == 2


def test_create_study_by_name_with_arguments() -> None:
    """Sampler and pruner are chosen by name, with arguments."""
    config = settings(sampler="random", pruner={"name": "median", "n_startup_trials": 9})
    study = tune.create_study(config)
    assert isinstance(study.sampler, optuna.samplers.RandomSampler)
    assert study.pruner._n_startup_trials == 9  # type: ignore[attr-defined]


def test_best_files_are_exact(tmp_path: Path) -> None:
    """Floats of the best trial read back as the same floats, and the best config applies the dependencies."""
    space = tmp_path / "space.yaml"
    space.write_text(
        "a: {type: tuple, value: [1e-7, 1e-1, true]}\nw: [[1, 2], [3]]\nn: {type: tuple, value: [1, 9, 1]}\nm: 0\n"
    )
    space.write_text(space.read_text().replace("[[1, 2], [3]]", "{type: categorical, value: [[1, 2], [3]]}"))
    deps = tmp_path / "deps.yaml"
    deps.write_text("m: n\n")
    built, best, out = (tmp_path / f"{name}.yaml" for name in ("built", "best", "out"))

    def objective(trial: Trial) -> float:
        values = tune.build_search_space_with_dependencies(
            space, deps, trial, tune_model=True, built_search_space_file=built
        )
        assert values["m"] == values["n"]
        return float(values["a"])

    study = tune.create_study(settings())
    study.optimize(objective, n_trials=5)
    tune.save_best_trial(study, best)
    tune.save_best_config(built, best, deps, out)
    values = yaml.safe_load(best.read_text())
    assert values["a"] == study.best_params["a"]
    assert values["w"] == json.loads(study.best_params["w"])
    assert yaml.safe_load(out.read_text()) == {**values, "m": values["n"]}


def test_no_best_trial_without_a_completed_one(tmp_path: Path) -> None:
    """An empty study has no best trial, and says so."""
    with pytest.raises(QGTuneError, match="no trial completed"):
        tune.save_best_trial(tune.create_study(settings()), tmp_path / "best.yaml")
    assert not (tmp_path / "best.yaml").exists()


def test_best_config_names_paths_that_the_built_file_lacks(tmp_path: Path) -> None:
    """A best trial of another space is refused, path by path."""
    (tmp_path / "built.yaml").write_text("model: {width: 3}\n")
    (tmp_path / "best.yaml").write_text("model.witdh: 4\nother: 5\n")
    with pytest.raises(QGTuneError) as caught:
        tune.save_best_config(tmp_path / "built.yaml", tmp_path / "best.yaml", None, tmp_path / "out.yaml")
    assert len(caught.value.problems) == 2
    assert "Did you mean 'model.width'" in str(caught.value)


def test_optimize_runs_the_total_and_resumes(tmp_path: Path) -> None:
    """`n_trials * n_iterations` is the total of the study; a second call runs nothing more."""
    files = {name: str(tmp_path / f"{name}.yaml") for name in ("best_trial_path",)}
    config = settings(storage=str(tmp_path / "s.log"), n_trials=3, n_iterations=2, **files)
    study = tune.optimize(square, config)
    assert len(study.trials) == 6
    assert len(tune.optimize(square, config).trials) == 6
    assert yaml.safe_load(Path(files["best_trial_path"]).read_text()) == study.best_params


def test_optimize_repeats_with_a_seed() -> None:
    """The same seed gives the same points."""
    first, second = (tune.optimize(square, settings()) for _ in range(2))
    assert [trial.params for trial in first.trials] == [trial.params for trial in second.trials]


def test_optimize_uses_threads_with_a_warning() -> None:
    """`n_jobs` above 1 runs threads, exactly to the total, and warns."""
    with pytest.warns(UserWarning, match="n_processes is usually faster"):
        study = tune.optimize(square, settings(n_jobs=3, n_trials=10))
    assert len(study.trials) == 10
    assert len({trial.params["x"] for trial in study.trials}) == 10


def test_optimize_honours_the_timeout() -> None:
    """After the timeout, no trial starts."""

    def slow(trial: Trial, _config: dict[str, Any]) -> float:
        time.sleep(0.2)
        return trial.suggest_float("x", 0, 1)

    study = tune.optimize(slow, settings(n_trials=99, timeout=0.5))
    assert 1 <= len(study.trials) <= 5


def test_optimize_fails_trials_with_a_reason(caplog: pytest.LogCaptureFixture) -> None:
    """A raising objective fails its trial; the study goes on."""

    def odd(trial: Trial, _config: dict[str, Any]) -> float | None:
        if trial.number == 1:
            raise ValueError("odd one out")
        return None if trial.number == 2 else trial.suggest_float("x", 0, 1)

    study = tune.optimize(odd, settings())
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "FAIL", "COMPLETE"]
    assert Attempt.of(study.trials[1]).reason == "ValueError: odd one out"
    assert Attempt.of(study.trials[2]).reason.startswith("it returned None")
    assert "odd one out" in caplog.text


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit, SystemExit])
def test_optimize_fails_a_trial_whatever_it_raises(error: type[BaseException]) -> None:
    """An interrupt that no signal has asked for is the objective's own: its trial fails, and is not run again."""

    def objective(trial: Trial, tuning_config: dict[str, Any]) -> float:
        if trial.number == 1:
            raise error
        return square(trial, tuning_config)

    study = tune.optimize(objective, settings(n_trials=4))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert Attempt.of(study.trials[1]).end == "failed"


def test_optimize_stops_when_everything_fails() -> None:
    """When the first trials all fail, the study is given up with the last error."""

    def broken(_trial: Trial, _config: dict[str, Any]) -> float:
        raise ValueError("broken")

    with pytest.raises(QGTuneError, match=r"the first 3 trials all failed. Trial 2 failed: ValueError: broken"):
        tune.optimize(broken, settings(n_trials=50))


def test_optimize_wants_something_to_call() -> None:
    """An objective that cannot be called is a type error."""
    with pytest.raises(TypeError, match="objective must be callable"):
        tune.optimize("objective", settings())  # type: ignore[arg-type]


def test_memory_cannot_be_shared() -> None:
    """Several processes need a storage file."""
    with pytest.raises(QGTuneError, match="Cannot share a study in memory between 2 processes"):
        tune.optimize(square, settings(n_processes=2))


@contextmanager
def script(tmp_path: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a script in a folder of its own; its errors stand in `errors.txt`."""
    (tmp_path / "script.py").write_text(textwrap.dedent(text))
    with (tmp_path / "errors.txt").open("wb") as errors:
        process = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, stderr=errors)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_optimize_over_processes_survives_a_killed_one(tmp_path: Path) -> None:
    """Two processes share the total; a killed one costs its trial, which is run again with the same values."""
    text = """
        import os, signal
        from pathlib import Path
        from qgtune import tune

        def objective(trial, config):
            x = trial.suggest_float("x", 0, 1)
            if trial.number == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            return x

        if __name__ == "__main__":
            tune.optimize(objective, {"study_name": "s", "storage": "s.log", "n_trials": 8, "n_processes": 2})
        """
    with script(tmp_path, text) as process:
        assert process.wait(timeout=60) == 0
    trials = stock_study(tmp_path / "s.log").trials
    assert sum(trial.state.name == "COMPLETE" for trial in trials) == 8
    lost = trials[3]
    assert Attempt.of(lost).reason == "its worker was killed by SIGKILL"
    (retry,) = [trial for trial in trials if Attempt.of(trial).repeats == 3]
    assert retry.params == lost.params


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C marks the running trials failed and ends every process."""
    text = """
        import time
        from pathlib import Path
        from qgtune import tune

        def objective(trial, config):
            Path(f"started{trial.number}").touch()
            time.sleep(60)

        if __name__ == "__main__":
            tune.optimize(objective, {"study_name": "s", "storage": "s.log", "n_trials": 8, "n_processes": 2})
        """
    with script(tmp_path, text) as process:
        deadline = time.monotonic() + 30
        while not ((tmp_path / "started0").exists() and (tmp_path / "started1").exists()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) != 0
    trials = stock_study(tmp_path / "s.log").trials
    assert [Attempt.of(trial).reason for trial in trials] == ["interrupted", "interrupted"]
    for trial in trials:
        with pytest.raises(ProcessLookupError, match="No such process"):
            os.kill(owner_pid(trial), 0)


@pytest.mark.slow
def test_a_script_with_its_own_pool_works(tmp_path: Path) -> None:
    """A script that fans out by itself needs nothing of us but the functions, as it always did."""
    (tmp_path / "space.yaml").write_text(
        "model:\n  width: [4, 8]\n  next: 0\ntraining:\n  lr: {type: tuple, value: [1e-5, 1e-1, true]}\n"
    )
    (tmp_path / "base.yaml").write_text("model: {width: 4, next: 4}\ntraining: {lr: 0.01}\n")
    (tmp_path / "depmap.yaml").write_text("model:\n  next: model.width\n")
    (tmp_path / "tuning.yaml").write_text(
        "tune_model: true\ntune_training: true\nbase_settings_path: base.yaml\nsearch_space_path: space.yaml\n"
        "dependency_mapping_path: depmap.yaml\nbuilt_search_space_path: built.yaml\nstudy_name: pool\n"
        "storage: deep/results.log\ndirection: maximize\nn_trials: 5\ntimeout: 60\nn_jobs: 1\nn_processes: 2\n"
        "n_iterations: 2\nbest_trial_path: best_trial.yaml\nbest_param_path: best_params.yaml\n"
    )
    text = """
        import functools
        import multiprocessing
        import optuna
        from qgtune import tune

        def objective(trial, config):
            settings = tune.build_search_space_with_dependencies(
                config.get("search_space_path"), config.get("dependency_mapping_path"), trial,
                tune_model=config.get("tune_model"), tune_training=config.get("tune_training"),
                base_settings_file=config.get("base_settings_path"),
                built_search_space_file=config.get("built_search_space_path"),
            )
            score = 0.0
            for epoch in range(3):
                score += settings["training"]["lr"] * settings["model"]["next"]
                trial.report(score, epoch)
                if trial.should_prune():
                    raise optuna.exceptions.TrialPruned()
            return score

        def work(config, _index):
            study = tune.create_study(config)
            study.optimize(functools.partial(objective, config=config), n_trials=config["n_trials"],
                           timeout=config["timeout"], n_jobs=config["n_jobs"])

        if __name__ == "__main__":
            config = tune.get_tuning_settings("tuning.yaml")
            tune.create_study(config)
            with multiprocessing.Pool(config["n_processes"]) as pool:
                pool.map(functools.partial(work, config), range(config["n_iterations"]))
            study = tune.create_study(config)
            tune.save_best_trial(study, config["best_trial_path"])
            tune.save_best_config(config["built_search_space_path"], config["best_trial_path"],
                                  config["dependency_mapping_path"], config["best_param_path"])
        """
    with script(tmp_path, text) as process:
        assert process.wait(timeout=90) == 0
    study = stock_study(tmp_path / "deep" / "results.log")
    assert len(study.trials) == 10
    best = yaml.safe_load((tmp_path / "best_params.yaml").read_text())
    assert best["model"]["next"] == best["model"]["width"] == study.best_params["model.width"]
    assert best["training"]["lr"] == study.best_params["training.lr"]


def both(trial: Trial, _tuning_config: dict[str, Any]) -> dict[str, float]:
    """Return two objectives by name."""
    return {"width": 1, "loss": trial.suggest_float("x", 0, 1)}


def test_several_objectives_are_not_pruned() -> None:
    """A study of several objectives takes a mapping of names; a pruner for it is refused."""
    direction = {"loss": "minimize", "width": "maximize"}
    study = tune.optimize(both, settings(direction=direction))
    assert study.metric_names == ["loss", "width"]
    assert all(trial.values == [trial.params["x"], 1.0] for trial in study.trials)
    with pytest.raises(QGTuneError, match=r"Cannot use pruner='median': a trial of 2 objectives cannot be pruned"):
        tune.create_study(settings(direction=direction, pruner="median"))
