"""What hooks are given of a study, without a sweep around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import optuna
import pytest
from hydra._internal.callbacks import Callbacks
from hydra.types import HydraContext

from qgtune import live
from qgtune.hooks.hook import Hook, SweepInfo, TrialInfo
from qgtune.study.attempts.limits import Limits
from qgtune.study.lifecycle import closing, tell
from qgtune.study.loop import run_trials
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import PRUNED, Outcome
from qgtune.study.spec import StudySpec
from qgtune.sweep.features.hooks import Hooks

if TYPE_CHECKING:
    from pathlib import Path

    from qgtune.study.session import Session

# What Hydra 1.4 says to apps without a list of targets is not ours.
pytestmark = pytest.mark.filterwarnings(r"ignore:hydra.utils.instantiate\(\) resolved")


class Keeper(Hook):
    """Keeps what it is told, for the whole process."""

    told: ClassVar[list[tuple[str, Any]]] = []

    def sweep_started(self, sweep: SweepInfo) -> None:
        """Keep it."""
        self.told.append(("sweep_started", sweep))

    def trial_started(self, trial: TrialInfo) -> None:
        """Keep it."""
        self.told.append(("trial_started", trial))

    def trial_ended(self, trial: TrialInfo) -> None:
        """Keep it."""
        self.told.append(("trial_ended", trial))

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """Keep it."""
        self.told.append(("sweep_ended", sweep))

    def close(self) -> None:
        """Keep that it was told."""
        self.told.append(("close", None))


@pytest.fixture(autouse=True)
def _nothing_told() -> None:
    Keeper.told.clear()


def hooks(folder: Path) -> Hooks:
    """Return the feature with one hook."""
    context = HydraContext(config_loader=None, callbacks=Callbacks())  # type: ignore[arg-type]
    return Hooks({"hydra.sweeper.hooks[0]": {"_target_": f"{__name__}.Keeper"}}, folder, ("lr",), context)


def told(event: str) -> list[Any]:
    """Return what was told of an event."""
    return [info for name, info in Keeper.told if name == event]


def opened(folder: Path, objectives: Objectives | None = None) -> Session:
    """Return a session in memory that tells a hook."""
    session = open_session(StudySpec("memory", None, objectives or Objectives()), Limits(3))
    session.features = [hooks(folder)]
    for feature in session.features:
        feature.sweep_started(session)
    return session


def test_trials_and_sweep_as_hooks_get_them(tmp_path: Path) -> None:
    """The best one and the counts at the end; reports, values, state and folder of each trial."""
    session = opened(tmp_path)

    def run_one(trial: optuna.Trial) -> Outcome:
        trial.suggest_float("lr", 0, 1)
        tell(session.features, lambda feature: feature.attempt_runs(session, trial, tmp_path / f"{trial.number}"))
        trial.report(2.0, 5)
        return PRUNED if trial.number == 1 else Outcome("complete", (float(trial.number),))

    with closing(session):
        run_trials(session, run_one, lambda: False)
    (started,), (ended,) = told("sweep_started"), told("sweep_ended")
    assert (started.n_trials, started.hyperparameters, started.folder) == (3, ("lr",), tmp_path)
    assert started.id == ended.id
    assert ended.counts == {"complete": 2, "pruned": 1, "failed": 0, "running": 0}
    assert [trial.number for trial in ended.best] == [0]
    assert ended.metrics == {"n_complete": 2, "n_pruned": 1, "n_failed": 0, "n_running": 0, "best_value": 0.0}
    assert [trial.state for trial in told("trial_started")] == ["running"] * 3
    ends = told("trial_ended")
    assert [trial.state for trial in ends] == ["complete", "pruned", "complete"]
    assert [trial.values for trial in ends] == [{"value": 0.0}, {}, {"value": 2.0}]
    assert [trial.folder for trial in ends] == [tmp_path / str(number) for number in range(3)]
    assert all(trial.reports == {5: 2.0} and set(trial.params) == {"lr"} for trial in ends)
    assert [name for name, _ in Keeper.told][-2:] == ["sweep_ended", "close"]


@pytest.mark.skipif(not hasattr(optuna.Trial, "set_constraint"), reason="needs Optuna 5")
def test_several_objectives_and_constraints(tmp_path: Path) -> None:
    """The values have the objectives' names, those without a name their place."""
    session = opened(tmp_path, Objectives(("minimize", "maximize")))
    assert told("sweep_started")[0].objectives == ("value_0", "value_1")

    def run_one(trial: optuna.Trial) -> Outcome:
        with live.running(trial):
            live.set_constraint("memory", -1.0)
        return session.outcome_of({"error": 1.0, "speed": float(trial.number)})

    with closing(session):
        run_trials(session, run_one, lambda: False)
    assert told("trial_ended")[1].metrics.items() >= {"error": 1.0, "speed": 1.0, "constraint.memory": -1.0}.items()
    assert [trial.number for trial in told("sweep_ended")[0].best] == [2]
    assert "best_error" not in told("sweep_ended")[0].metrics


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        pytest.param(RuntimeError("the disk\nis full"), "the disk", id="an error"),
        pytest.param(SystemExit(130), "interrupted", id="a signal"),
        pytest.param(KeyboardInterrupt(), "KeyboardInterrupt", id="without a text"),
    ],
)
def test_a_sweep_that_breaks_is_told_as_failed(tmp_path: Path, error: BaseException, failure: str) -> None:
    """Whatever ends it, and the error goes on to whoever waits for it."""
    session = opened(tmp_path)
    with pytest.raises(type(error)), closing(session):
        raise error
    assert [sweep.failure for sweep in told("sweep_ended")] == [failure]


def test_an_attempt_that_was_withdrawn_is_not_told(tmp_path: Path) -> None:
    """It has never run."""
    session = opened(tmp_path)
    trial = session.next_trial()
    assert isinstance(trial, optuna.Trial)
    session.withdraw(trial._trial_id)
    with closing(session):
        pass
    assert told("trial_ended") == []


def test_nothing_is_told_of_a_sweep_that_never_started(tmp_path: Path) -> None:
    """An error before the first event is the user's to see."""
    session = open_session(StudySpec("memory", None, Objectives()), Limits(3))
    session.features = [hooks(tmp_path)]
    with pytest.raises(LookupError), closing(session):
        raise LookupError
    assert Keeper.told == []
