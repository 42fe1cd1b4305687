"""What a study says: each rule, when it speaks and when it is silent."""

from __future__ import annotations

import datetime as dt
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import TrialState

from qgtune.results.report import Facts
from qgtune.results.report.conclusions import conclusions, lines_of
from qgtune.results.report.conclusions.convergence import convergence
from qgtune.results.report.conclusions.edges import Edge, edge, override
from qgtune.results.report.conclusions.failures import failures
from qgtune.results.report.conclusions.gain import gain
from qgtune.results.report.conclusions.importance import importances
from qgtune.results.report.conclusions.known import Known
from qgtune.results.report.conclusions.mattering import mattering
from qgtune.results.report.conclusions.pruning import pruning
from qgtune.results.report.conclusions.utilisation import utilisation
from qgtune.results.report.study_state import read_state
from qgtune.results.source import open_source
from qgtune.sweep.compose.arguments import hyperparameter
from tests.results.studies import study, trial, usual

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from tests.conftest import App

EDGE_CONFIG = """
defaults:
  - _self_
  - override hydra/sweeper: qgtune
lr: 0.1
width: 4
hydra:
  sweeper: {n_trials: 40, seed: 1, report: false, search_space: {lr: {type: tuple, value: [1e-5, 1e-2, true]}}}
"""


def known(trials: Sequence[FrozenTrial], *, folder: Path | None = None, **given: Any) -> Known:
    """Return what is known of a study that a sweep folder holds, if there is one."""
    directions = given.pop("directions", ["minimize"])
    place = (str(folder),) if folder is not None else ()
    facts = Facts(folder=folder, place=place, is_recorded=folder is not None, **given)
    return Known(read_state(study(trials, directions=directions)), facts)


def uniform(n: int, step: int = 37) -> list[float]:
    """Return n different numbers in [0, 1), in an order that tells nothing."""
    return [(k * step % n) / n for k in range(n)]


def of_rate(value: Callable[[float], float], n: int = 60, **given: Any) -> list[FrozenTrial]:
    """Return trials whose value follows their learning rate."""
    return [
        trial(k, values=[value(one)], params={"lr": 10 ** (4 * one - 4)}, **given) for k, one in enumerate(uniform(n))
    ]


def test_gain_compares_the_best_with_the_base_settings(tmp_path: Path) -> None:
    """Both values, their difference, and the command that runs the best one again."""
    trials = [trial(n, values=[value], params={"lr": 0.1 * (n + 1)}) for n, value in enumerate((2.0, 1.5, 3.0))]
    found = gain(known(trials, folder=tmp_path, base={"lr": 0.1}))
    assert found is not None
    assert found.text == "Trial 1 is the best with value 1.5, 25.0% lower than the base settings (2 in trial 0)."
    assert found.command == f"qgtune rerun {tmp_path} --trial 1"


def test_no_gain_is_said(tmp_path: Path) -> None:
    """Tuning that found nothing better says so, and how to go on."""
    trials = [trial(n, values=[value], params={"lr": 0.1 * (n + 1)}) for n, value in enumerate((1.0, 1.5))]
    found = gain(known(trials, folder=tmp_path, base={"lr": 0.1}))
    assert found is not None
    assert found.text == "No trial is better than the base settings (trial 0, value 1)."
    assert found.command == f"qgtune resume {tmp_path} hydra.sweeper.n_trials=3"


def test_gain_of_several_objectives_counts_what_is_better_in_all(tmp_path: Path) -> None:
    """A trial that is better in one objective and worse in another is no gain."""
    values = [(1.0, 1.0), (0.5, 1.0), (0.5, 2.0)]
    trials = [trial(n, values=pair, params={"lr": 0.1 * (n + 1)}) for n, pair in enumerate(values)]
    found = gain(known(trials, folder=tmp_path, base={"lr": 0.1}, directions=["minimize", "minimize"]))
    assert found is not None
    assert found.text.startswith("1 of 3 complete trials are at least as good as the base settings (trial 0)")


@pytest.mark.parametrize("base", [None, {"lr": 0.7}, {}], ids=["unknown", "never ran", "without it"])
def test_gain_is_silent_without_the_base_settings(base: dict[str, float] | None) -> None:
    """What the base settings give is not guessed."""
    assert gain(known([trial(0, params={"lr": 0.1})], base=base)) is None


def test_what_matters_is_named_with_what_it_rests_on(tmp_path: Path) -> None:
    """The share of the differences, how many trials, and what is not established."""
    trials = of_rate(lambda one: (one - 0.3) ** 2)
    for one, other in zip(trials, uniform(60, 11), strict=True):
        one.params |= {"b": other}
        one.distributions |= {"b": FloatDistribution(0, 1)}
    found = mattering(known(trials, folder=tmp_path))
    assert found is not None
    assert found.text.startswith("lr (")
    assert found.text.endswith("matters; of 1 other it is not established. That rests on 60 complete trials.")
    assert found.command == f"qgtune resume {tmp_path} hydra.sweeper.n_trials=120"


def test_too_few_trials_say_nothing_of_what_matters() -> None:
    """Ten trials order hyperparameters by chance."""
    assert mattering(known(of_rate(lambda one: one, n=10))) is None


def with_dummies(seed: int, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    """Return a study of 300 trials in which a learning rate and a width matter, and two dummies do not."""

    def objective(asked: optuna.Trial) -> float:
        rate = asked.suggest_float("lr", 1e-5, 1, log=True)
        width = asked.suggest_int("width", 8, 512, log=True)
        asked.suggest_float("dummy_a", 0, 1)
        asked.suggest_categorical("dummy_b", [1, 2, 3, 4])
        value: float = (rate**0.2 - 0.3) ** 2 + 0.02 * abs(width / 128 - 1)
        for step in range(10):
            asked.report(value + 0.5 / (step + 1), step)
            if asked.should_prune():
                raise optuna.TrialPruned
        return value + 0.5 / 10

    made = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    made.optimize(objective, n_trials=300)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_dummies_do_not_matter_however_much_was_pruned(seed: int) -> None:
    """Of 300 trials the median pruner lets few complete, and by those alone dummies rank high: they are not named."""
    made = with_dummies(seed, optuna.pruners.MedianPruner())
    n_complete = len(made.get_trials(states=[TrialState.COMPLETE]))
    found = importances(made.trials)
    assert n_complete < 200
    assert found is not None
    assert "lr" in found.established
    assert not {"dummy_a", "dummy_b"} & set(found.established)
    assert found.n_trials == 300
    said = mattering(Known(read_state(made), Facts()))
    assert said is not None
    assert "300 trials, pruned ones too, compared by their reports at step 0" in said.text


def test_what_the_pruner_chose_is_named_as_such() -> None:
    """Pruned trials that share no step with the others leave only those that the pruner let complete."""
    trials = of_rate(lambda one: one)
    pruned = [trial(60 + n, TrialState.PRUNED, params={"lr": 0.1}, steps={n: 1.0}) for n in range(30)]
    found = importances([*trials, *pruned])
    assert found is not None
    assert found.is_biased
    said = mattering(known([*trials, *pruned]))
    assert said is not None
    assert "60 complete trials, which the pruner chose" in said.text


def test_a_best_value_at_the_end_of_its_range_is_named(tmp_path: Path) -> None:
    """With the wider range, as Hydra reads it, and more trials to use it."""
    found = edge(known(of_rate(lambda one: -one), folder=tmp_path))
    assert found is not None
    assert "lies at the upper end of its range, 1, as in 6 of the best 6 trials" in found.text
    assert shlex.split(found.command) == [
        *("qgtune", "resume", str(tmp_path)),
        *("lr=tag(log,interval(0.0001,10))", "hydra.sweeper.n_trials=90"),
    ]


def test_a_best_value_inside_its_range_is_no_edge() -> None:
    """Nor is one of a hyperparameter that does not matter."""
    assert edge(known(of_rate(lambda one: (one - 0.5) ** 2))) is None
    noise = uniform(60, 11)
    trials = [trial(k, values=[noise[k]], params={"lr": 10 ** (4 * one - 4)}) for k, one in enumerate(uniform(60))]
    assert edge(known(trials)) is None


@pytest.mark.parametrize(
    ("distribution", "upper", "text"),
    [
        (FloatDistribution(1e-4, 0.1, log=True), False, "a=tag(log,interval(1e-05,0.1))"),
        (FloatDistribution(2.0, 4.0), True, "a=interval(2,5)"),
        (FloatDistribution(0.1, 0.5, step=0.1), True, "a=range(0.1,0.75,0.1)"),
        (IntDistribution(8, 512, log=True), True, "a=tag(log,int(interval(8,5120)))"),
        (IntDistribution(2, 6), False, "a=int(interval(1,6))"),
        (IntDistribution(4, 16, step=4), True, "a=range(4,25,4)"),
        (IntDistribution(16, 64, step=8), False, "a=range(8,65,8)"),
        (FloatDistribution(-1.0, 1.0), False, "a=interval(-2,1)"),
        (FloatDistribution(0.5, 2.5), False, "a=interval(0,2.5)"),
    ],
    ids=str,
)
def test_wider_ranges_are_read_back_as_wider_ones(
    distribution: FloatDistribution | IntDistribution, text: str, *, upper: bool
) -> None:
    """The override keeps the kind, the scale and the step."""
    made = override(Edge("a", distribution, upper, 5, 5))
    assert made == text
    wider = hyperparameter(OverridesParser.create().parse_overrides([made])[0], "a test").distribution
    assert type(wider) is type(distribution)
    assert isinstance(wider, (FloatDistribution, IntDistribution))
    assert (wider.log, wider.step) == (distribution.log, distribution.step)
    assert wider.low <= distribution.low < distribution.high <= wider.high
    assert (wider.low, wider.high) != (distribution.low, distribution.high)


@pytest.mark.parametrize(
    ("distribution", "upper"),
    [
        (FloatDistribution(0, 0.5), False),
        (FloatDistribution(0, 1), True),
        (IntDistribution(1, 9), False),
        (IntDistribution(8, 64, step=8), False),
    ],
    ids=["zero", "share", "one", "step"],
)
def test_ends_with_nothing_beyond_are_no_edges(
    distribution: FloatDistribution | IntDistribution, *, upper: bool
) -> None:
    """Below no dropout, above a share of one and below one layer there is nothing."""
    places = uniform(60)
    step = distribution.step or 1e-9
    n_steps = [(distribution.high - distribution.low) * place // step for place in places]
    kind = int if isinstance(distribution, IntDistribution) else float
    trials = [
        trial(
            k,
            values=[-n if upper else n],
            params={"p": kind(distribution.low + n * step)},
            space={"p": distribution},
        )
        for k, n in enumerate(n_steps)
    ]
    assert importances(trials) is not None
    assert edge(known(trials)) is None


@pytest.mark.slow
def test_the_command_that_widens_a_range_runs(make_app: Callable[..., App]) -> None:
    """Pasted into a shell, it goes on with the study, and draws from beyond the old end."""
    app = make_app("return -cfg.lr", config=EDGE_CONFIG)
    script = app.folder / "train.py"
    script.write_text(
        script.read_text().replace("assert cfg.model", "# assert cfg.model").replace("return cfg.training.lr", "")
    )
    assert app.sweep().code == 0
    lines = lines_of(open_source(str(app.path())))
    command = next(line for line in lines if "interval" in line)
    line = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(line, cwd=app.folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    trials = app.trials()
    assert len(trials) == 60
    assert max(one.params["lr"] for one in trials) > 1e-2


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([*[10.0 - k / 10 for k in range(20)], 1.0, *[5.0] * 40], "found no better value than 1"),
        ([10.0 - k / 10 for k in range(60)], "The search has not converged: the last 15 trials moved"),
        ([*[10.0, 1.0], *[5.0] * 30, 0.9, *[5.0] * 27], None),
        ([1.0, *[5.0] * 20], None),
    ],
    ids=["converged", "not converged", "between", "few"],
)
def test_convergence(values: list[float], says: str | None) -> None:
    """The second half changed nothing, the last quarter changed much, or nothing is said."""
    found = convergence(known([trial(n, values=[value]) for n, value in enumerate(values)]))
    assert (found is None) == (says is None)
    assert found is None or (says or "") in found.text


def timed(one: FrozenTrial, seconds: float) -> FrozenTrial:
    """Return a trial that took so long."""
    assert one.datetime_start is not None
    one.datetime_complete = one.datetime_start + dt.timedelta(seconds=seconds)
    return one


def test_what_pruning_saved(tmp_path: Path) -> None:
    """By the median complete trial's time, with the one to run for whoever doubts it."""
    complete = [timed(trial(n), 100) for n in range(10)]
    pruned = [timed(trial(10 + n, TrialState.PRUNED, steps=dict.fromkeys(range(n + 1), 1.0)), 20) for n in range(10)]
    found = pruning(known([*complete, *pruned], folder=tmp_path))
    assert found is not None
    assert "ended 10 of 20 trials early and saved about 13 min 20 s of trials, 40%" in found.text
    assert found.command == f"qgtune rerun {tmp_path} --trial 19"
    assert pruning(known([*complete, *pruned[:4]])) is None


def test_how_busy_the_workers_were(tmp_path: Path) -> None:
    """Two workers that ran trials half of the time; silent for as many trials as workers, and without owners."""
    trials = [timed(trial(n, worker=n % 2), 1) for n in range(20)]
    found = utilisation(known(trials, folder=tmp_path))
    assert found is not None
    assert found.text.startswith("The 2 workers ran trials for 53% of the time")
    assert found.command == f"qgtune report {tmp_path}"
    assert utilisation(known([trial(n, worker=n) for n in range(20)])) is None
    assert utilisation(known([trial(n, worker=None) for n in range(20)])) is None


def test_busy_workers_could_be_more(tmp_path: Path) -> None:
    """Where they never waited, the command doubles them; those of a resumed run came after the others."""
    found = utilisation(known([timed(trial(n, worker=n // 10), 1) for n in range(20)], folder=tmp_path))
    assert found is not None
    assert found.command == f"qgtune resume {tmp_path} hydra.sweeper.n_jobs=2 hydra.sweeper.n_trials=30"


def test_failures_are_counted_unless_a_retry_made_up_for_them(tmp_path: Path) -> None:
    """A trial that was run again and went well has not failed for good."""
    found = failures(known(usual().trials, folder=tmp_path))
    assert found is not None
    assert found.text == "1 of 10 trials failed with: ValueError: loss is <nan>."
    assert found.command == f"qgtune rerun {tmp_path} --trial 8"
    assert failures(known([trial(0)])) is None


def test_six_sentences_at_most_and_no_command_that_does_not_work() -> None:
    """A study of which only the storage's reading is known has sentences without commands."""
    found = conclusions(known(of_rate(lambda one: -one, n=120)))
    assert 2 <= len(found) <= 6
    assert [one.command for one in found] == [""] * len(found)
    assert conclusions(known([])) == []
