"""Configurations that run several times: who runs what, what it makes together, and when it is given up."""

from __future__ import annotations

import math
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import optuna
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState
from scipy import stats

from qgtune.errors import QGTuneError
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.ledger import Ledger
from qgtune.study.attempts.limits import Limits, Stop
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome, failed
from qgtune.study.repeats.gathering import gathered
from qgtune.study.repeats.measured import Measured
from qgtune.study.repeats.setting import Repeats
from qgtune.study.repeats.tally import Configuration
from qgtune.study.repeats.wilcoxon import p_worse
from qgtune.study.spec import StudySpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.attempt import End
    from qgtune.study.session import Session

SEEDS = {"path": "seed", "values": [1, 2, 3]}


def repeats(**given: Any) -> Repeats:
    """Return the setting of three seeds, or with other keys."""
    found = Repeats.read({**SEEDS, **given})
    assert found is not None
    return found


@pytest.mark.parametrize("n", range(1, 8))
def test_so_many_pairs_can_say_so_much(n: int) -> None:
    """All being worse has one of 2**n sets of signs: nothing less than that can be reached."""
    assert p_worse([0.1 * (place + 1) for place in range(n)]) == 2**-n
    assert p_worse([-0.1 * (place + 1) for place in range(n)]) == 1


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50).filter(bool), min_size=1, max_size=12))
def test_the_test_is_scipys(differences: list[int]) -> None:
    """Without ties, of which scipy has no exact distribution, the p-value is the same."""
    assume(len({abs(value) for value in differences}) == len(differences))
    assert p_worse(differences) == pytest.approx(stats.wilcoxon(differences, alternative="greater").pvalue)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        pytest.param([], 1, id="nothing"),
        pytest.param([0, 0], 1, id="no difference"),
        pytest.param([0, 1, 1], 0.25, id="those that do not differ say nothing"),
        pytest.param([1, 1, -1], 0.5, id="ties share their ranks: 4 of 8 sets of signs are as clear"),
        pytest.param([math.nan, 2, 1], 0.25, id="two infinities do not differ"),
        pytest.param([math.inf, 1, -2], 0.375, id="an infinity is the largest"),
    ],
)
def test_pairs_that_scipy_does_not_count_exactly(differences: list[float], p: float) -> None:
    """Ties, zeros and infinities."""
    assert p_worse(differences) == p


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(7, "no mapping", id="no mapping"),
        pytest.param({**SEEDS, "value": 1}, "there is no value: give path, values", id="unknown"),
        pytest.param({"path": "seed"}, "give path and values", id="no values"),
        pytest.param({"values": [1, 2]}, "give path and values", id="no path"),
        pytest.param({**SEEDS, "path": "a..b"}, "Cannot read path 'a..b'", id="no such path"),
        pytest.param({**SEEDS, "values": []}, "two values or more", id="empty"),
        pytest.param({**SEEDS, "values": [1]}, "seed=<value> is enough for one", id="one"),
        pytest.param({**SEEDS, "values": 3}, "it is no list", id="a number"),
        pytest.param({**SEEDS, "values": [1, 2, 1]}, "the value 1 stands there twice", id="twice"),
        pytest.param({**SEEDS, "values": [1, "1"]}, "the value '1' stands there twice", id="the same folder"),
        pytest.param({**SEEDS, "values": [1, None]}, "not None", id="null"),
        pytest.param({**SEEDS, "values": [1, [2]]}, r"not \[2\]", id="a list"),
        pytest.param({**SEEDS, "reduce": "worst"}, "reduce must be mean, median, min, max", id="reduction"),
        pytest.param({**SEEDS, "p": 0.6}, r"must lie in \[0, 0.5\]", id="p"),
    ],
)
def test_what_is_no_setting(given: Any, words: str) -> None:
    """It is refused with the reason."""
    with pytest.raises(ValueError, match=words):
        Repeats.read(given)


def test_repeats_have_names_for_folders() -> None:
    """What differs, in the form of an override; a slash would make another folder."""
    found = repeats(path="data[0].split", values=["a/b", 2, 0.5, True])
    assert found.values == {
        "data.0.split=a_b": "a/b",
        "data.0.split=2": 2,
        "data.0.split=0.5": 0.5,
        "data.0.split=true": True,
    }
    assert Repeats.read(None) is None


@pytest.mark.parametrize(
    ("n", "p", "expected"),
    [
        pytest.param(3, 0.25, 2, id="the default of three"),
        pytest.param(2, 0.25, None, id="two are both needed"),
        pytest.param(3, 0.1, None, id="Optuna's threshold takes four"),
        pytest.param(5, 0.1, 4, id="four of five"),
        pytest.param(3, 0.5, 1, id="one"),
        pytest.param(3, 0, None, id="never"),
    ],
)
def test_how_many_can_decide(n: int, p: float, expected: int | None) -> None:
    """A sweep says so beforehand where no configuration can be given up."""
    assert repeats(values=list(range(n)), p=p).n_to_decide == expected


@pytest.mark.parametrize(
    ("mine", "given", "gives_up"),
    [
        pytest.param((2.0,), {}, False, id="one says too little"),
        pytest.param((2.0, 3.0), {}, True, id="two that are worse"),
        pytest.param((2.0, 1.5), {}, False, id="one is better, and the mean so far is"),
        pytest.param((9.0, 1.5), {}, False, id="one is better"),
        pytest.param((2.0, 3.0), {"p": 0.1}, False, id="too few for Optuna's threshold"),
        pytest.param((2.0, 3.0), {"p": 0}, False, id="never"),
        pytest.param((1.0, 2.0), {}, False, id="equal"),
        pytest.param((1.1, 2.1), {"reduce": "max"}, False, id="the largest so far is better than the best one's"),
    ],
)
def test_giving_up(mine: tuple[float, ...], given: dict[str, Any], *, gives_up: bool) -> None:
    """Both must hold: the pairs say that it is worse, and so does its value so far."""
    names = [f"seed={place}" for place in (1, 2, 3)]
    best = dict(zip(names, (1.0, 2.0, 3.0), strict=True))
    found = repeats(**given)
    assert found.gives_up(dict(zip(names, mine, strict=False)), best, maximize=False) is gives_up
    up = {name: -value for name, value in zip(names, mine, strict=False)}
    best_up = {name: -value for name, value in best.items()}
    if not given.get("reduce"):
        assert found.gives_up(up, best_up, maximize=True) is gives_up
    assert not found.gives_up(up, {}, maximize=True)


DONE = Outcome("complete", (4.0,))


@pytest.mark.parametrize(
    ("outcome", "values", "end", "best", "expected"),
    [
        pytest.param(DONE, {}, "", {}, ("measured", (4.0,), 4.0, None), id="the first"),
        pytest.param(
            DONE,
            {"seed=1": 1.0, "seed=3": 4.0},
            "",
            {},
            ("complete", (3.0,), 4.0, Measured({"seed=1": 1.0, "seed=2": 4.0, "seed=3": 4.0}, 3.0)),
            id="the last completes",
        ),
        pytest.param(
            DONE,
            {"seed=1": 2.0},
            "",
            {"seed=1": 1.0, "seed=2": 1.0, "seed=3": 1.0},
            ("pruned", (), 4.0, Measured({"seed=1": 2.0, "seed=2": 4.0}, 3.0)),
            id="given up",
        ),
        pytest.param(DONE, {}, "pruned", {}, ("measured", (4.0,), 4.0, None), id="too late to count"),
        pytest.param(
            Outcome("pruned"),
            {"seed=1": 2.0},
            "",
            {},
            ("pruned", (), None, Measured({"seed=1": 2.0}, 2.0)),
            id="pruned on its way",
        ),
        pytest.param(Outcome("pruned"), {}, "failed", {}, ("measured", (), None, None), id="over already"),
    ],
)
def test_what_the_end_of_a_repeat_means(
    outcome: Outcome, values: dict[str, float], end: str, best: Mapping[str, float], expected: tuple[Any, ...]
) -> None:
    """The second of three repeats ends."""
    before = Configuration("seed=1", values=values, end=end)
    found = gathered(outcome, "seed=2", repeats(), before, best, maximize=False)
    assert (found.end, found.values, found.score, found.measured) == expected


def test_values_without_a_mean_fail() -> None:
    """Infinities of both signs: Optuna takes no NaN."""
    before = Configuration("seed=1", values={"seed=1": math.inf, "seed=3": -math.inf})
    found = gathered(DONE, "seed=2", repeats(), before, {}, maximize=False)
    assert (found.end, found.reason) == ("failed", "the mean of its repeats is NaN")


def test_the_study_keeps_what_repeats_gave() -> None:
    """Whoever looks at the study with other tools finds all of it in one attribute."""
    found = Measured({"seed=1": 1.0, "seed=2": 3.0}, 1.0)
    attribute = found.to_attribute()
    assert attribute == {"value": 1.0, "n": 2, "mean": 2.0, "spread": math.sqrt(2), "values": found.values}
    trial = optuna.trial.create_trial(value=1.0, user_attrs={"qgtune:repeats": attribute})
    assert Measured.of(trial) == found
    assert str(found) == "mean 2, spread 1.41, n 2"
    assert Measured({"seed=1": math.inf, "seed=2": 3.0}, 3.0).spread is None
    for other in (7, {}, {"values": 3}):
        assert Measured.of(optuna.trial.create_trial(value=1.0, user_attrs={"qgtune:repeats": other})) is None


RANDOM = {"_target_": "optuna.samplers.RandomSampler"}


def session_of(n_trials: int, setting: Repeats | None = None, sampler: Any = RANDOM, **limits: Any) -> Session:
    """Open a study in memory."""
    spec = StudySpec("s", None, sampler=sampler, pruner={"_target_": "optuna.pruners.NopPruner"}, seed=0)
    return open_session(spec, Limits(n_trials, repeats=setting or repeats(), **limits))


def started(session: Session) -> Any:
    """Start a trial and draw its value."""
    trial: Any = session.next_trial()
    assert not isinstance(trial, Stop), trial
    trial.suggest_float("x", 0, 1)
    session.may_repeat(trial)
    return trial


def configurations(trials: list[FrozenTrial]) -> set[int]:
    """Return the numbers of the configurations."""
    return {Attempt.of(trial).first(trial.number) for trial in trials}


def test_repeats_run_beside_each_other_once_the_values_are_drawn() -> None:
    """Whoever asks before waits: there will be something to do in a moment."""
    session = session_of(1)
    first: Any = session.next_trial()
    assert session.next_trial() == Stop("soon")
    x = first.suggest_float("x", 0, 1)
    session.may_repeat(first)
    others = [started(session), started(session)]
    assert [trial.place for trial in (first, *others)] == ["0/seed=1", "0/seed=2", "0/seed=3"]
    assert [trial.params["x"] for trial in others] == [x, x]
    assert session.next_trial() == Stop("busy")
    for value, trial in zip((3.0, 1.0, 2.0), (others[1], first, others[0]), strict=True):
        before = session.refresh().n_ended
        session.finish(trial, Outcome("complete", (value,)))
        assert session.refresh().n_ended > before
    assert session.next_trial() == Stop("done")
    assert [trial.state.name for trial in session.study.trials] == ["PRUNED", "COMPLETE", "PRUNED"]
    assert session.study.best_value == 2.0
    measured = Measured.of(session.study.best_trial)
    assert measured is not None
    assert list(measured.values.items()) == [("seed=1", 1.0), ("seed=2", 2.0), ("seed=3", 3.0)]


@settings(max_examples=30, deadline=None)
@given(n_trials=st.integers(1, 12), n_workers=st.integers(1, 5), n_values=st.integers(2, 4), seed=st.integers(0, 999))
@example(n_trials=5, n_workers=4, n_values=3, seed=48)
def test_the_total_counts_configurations(n_trials: int, n_workers: int, n_values: int, seed: int) -> None:
    """Whatever the workers' order and the losses: each repeat is measured once, and each configuration ends once."""
    chance = random.Random(seed)  # noqa: S311 - an order of events
    setting = repeats(values=list(range(n_values)), p=chance.choice([0, 0.25]))
    session = session_of(n_trials, setting, max_retries=10**6, n_first=n_trials)  # failures are no reason to stop
    running: list[Any] = []
    measured: Counter[str] = Counter()
    while True:
        found = session.next_trial() if len(running) < n_workers else None
        if found is not None and not isinstance(found, Stop):
            running.append(found)
            continue
        if not running:
            assert found == Stop("done")
            break
        trial: Any = running.pop(chance.randrange(len(running)))
        if chance.random() < 0.1:
            session.finish(trial, Outcome("lost", reason="gone"))
            continue
        x = trial.suggest_float("x", 0, 1)
        session.may_repeat(trial)
        if chance.random() < 0.2:
            session.finish(trial, Outcome(chance.choice(["lost", "returned"]), reason="gone"))
        elif chance.random() < 0.05:
            session.finish(trial, Outcome("pruned"))
        elif chance.random() < 0.05:
            session.finish(trial, failed("it raised"))
        else:
            measured[trial.place] += 1
            session.finish(trial, Outcome("complete", (x + chance.random() / 10,)))
    trials = session.study.trials
    assert len(configurations(trials)) == n_trials
    assert set(measured.values()) <= {1}
    ledger = session.refresh()
    assert (ledger.finished, ledger.running, ledger.configurations.n_measured) == (n_trials, 0, 0)
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    assert len(configurations(complete)) == len(complete) == ledger.complete
    for trial in complete:
        found_values = Measured.of(trial)
        assert found_values is not None
        assert found_values.n == n_values
        assert trial.value == pytest.approx(sum(found_values.values.values()) / n_values)
    fresh = open_session(StudySpec("s", None), Limits(n_trials, repeats=setting, max_retries=10**6)).ledger
    fresh.update(trials, session.limits)
    assert (fresh.complete, fresh.pruned, fresh.failed) == (ledger.complete, ledger.pruned, ledger.failed)


@pytest.mark.parametrize("learned_first", [None, 0, 1], ids=["both at once", "the older first", "the newer first"])
@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param(["failed", "pruned"], (0, 1, 0, 0), id="failed, and the newer one pruned"),
        pytest.param(["pruned", "failed"], (0, 1, 0, 0), id="pruned, and the newer one failed"),
        pytest.param(["lost", "complete"], (1, 0, 0, 0), id="lost for good, and complete all the same"),
        pytest.param(["lost", "failed"], (0, 0, 1, 0), id="lost and failed"),
        pytest.param(["failed", "failed"], (0, 0, 1, 0), id="failed twice"),
    ],
)
def test_of_several_ends_the_same_counts_in_whatever_order(
    ends: list[End], expected: tuple[int, ...], learned_first: int | None
) -> None:
    """What a configuration counts as does not depend on when a process learns of the ends of its repeats."""
    limits = Limits(2, max_retries=0, max_failure_rate=0.4, n_first=1, repeats=repeats())
    ended = [ended_repeat(number, end) for number, end in enumerate(ends)]
    ledger = Ledger()
    if learned_first is not None:
        ledger.update([one if one.number == learned_first else ended_repeat(one.number, None) for one in ended], limits)
        assert ledger.finished == 1
    ledger.update(ended, limits)
    assert (ledger.complete, ledger.pruned, ledger.failed, ledger.lost) == expected
    assert bool(ledger.given_up(limits)) is bool(ledger.failed)
    assert (ledger.running, ledger.finished) == (0, 1)


def ended_repeat(number: int, end: End | None) -> FrozenTrial:
    """Return a repeat of configuration 0 that has this end; None for one that runs."""
    state = TrialState.RUNNING if end is None else Outcome(end).state
    attempt = Attempt(repeats=0 if number else None, end=end, replicate=f"seed={number + 1}", is_drawn=True)
    found = optuna.trial.create_trial(
        state=state, value=1.0 if end == "complete" else None, user_attrs={ATTRIBUTE: attempt.to_attribute()}
    )
    found.number = number
    return found


def test_a_lost_repeat_is_tried_again_by_itself() -> None:
    """The others keep their values; it has a place of its own for what outlives it."""
    session = session_of(1)
    session.finish(started(session), Outcome("complete", (1.0,)))
    lost = started(session)
    lost.report(0.5, 3)
    session.finish(lost, Outcome("lost", reason="gone"))
    again = started(session)
    assert (again.place, Attempt.of(session.study.trials[again.number]).losses) == ("0/seed=2", 1)
    assert again.earlier_reports == {3: 0.5}
    session.finish(again, Outcome("complete", (2.0,)))
    session.finish(last := started(session), Outcome("complete", (3.0,)))
    assert (last.place, session.study.best_value) == ("0/seed=3", 2.0)


def test_a_repeat_that_fails_for_good_fails_its_configuration() -> None:
    """It counts once, its other repeats do not start, and one that runs ends at its next report."""
    session = session_of(2, max_retries=0)
    first, second = started(session), started(session)
    assert not second.should_prune()
    session.finish(first, failed("it raised"))
    assert second.should_prune()
    session.finish(second, Outcome("pruned"))
    other = started(session)
    assert (other.place, session.refresh().failed) == ("3/seed=1" if other.number == 3 else "2/seed=1", 1)
    assert [Attempt.of(trial).end for trial in session.study.trials] == ["failed", "measured", None]


def test_enough_retries_later_bring_a_failed_configuration_back() -> None:
    """A sweep that goes on with more retries runs the lost repeat again, and only that."""
    session = session_of(1, max_retries=0)
    assert session.refresh().n_to_run(session.limits) == 3
    for outcome in (Outcome("complete", (1.0,)), Outcome("lost", reason="gone")):
        session.finish(started(session), outcome)
    assert session.next_trial() == Stop("done")
    spec = StudySpec("s", None, sampler=RANDOM, seed=0)
    later = open_session(spec, Limits(1, max_retries=1, repeats=repeats()), session.storage)
    assert [started(later).place, started(later).place] == ["0/seed=2", "0/seed=3"]
    assert later.refresh().n_to_run(later.limits) == 2


def test_a_configuration_that_is_given_up_is_pruned() -> None:
    """Its value so far is known to samplers, and stock tools see one pruned trial with it."""
    session = session_of(2)
    for value in (1.0, 1.0, 1.0):
        session.finish(started(session), Outcome("complete", (value,)))
    for value in (2.0, 3.0):
        session.finish(started(session), Outcome("complete", (value,)))
    assert session.next_trial() == Stop("done")
    assert (session.refresh().complete, session.refresh().pruned) == (1, 1)
    given_up = session.study.trials[-1]
    assert (given_up.state, given_up.value, Attempt.of(given_up).end) == (TrialState.PRUNED, 2.5, "pruned")
    assert "given up after 2 of 3 repeats" in Attempt.of(given_up).reason


class SeesTrials(optuna.samplers.RandomSampler):
    """A sampler that remembers how many finished trials it saw, and which ended."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(seed)
        self.seen: list[list[float | None]] = []
        self.ended: list[TrialState] = []

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
        """Look at the study as Optuna's samplers do."""
        seen = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        assert seen == study._get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        self.seen.append([one.value for one in seen])
        return super().sample_relative(study, trial, search_space)

    def after_trial(self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Any) -> None:
        """Remember the state."""
        self.ended.append(state)
        super().after_trial(study, trial, state, values)


def test_samplers_see_one_value_a_configuration() -> None:
    """Never the repeats', which would be as many bad trials to TPE; and each configuration is sampled once."""
    target = f"{SeesTrials.__module__}.{SeesTrials.__name__}"
    session = session_of(3, repeats(p=0), sampler={"_target_": target})
    for place in range(9):
        session.finish(started(session), Outcome("complete", (float(place),)))
    sampler: Any = session.study.sampler
    assert sampler._sampler.seen == [[], [1.0], [1.0, 4.0]]
    assert sampler._sampler.ended == [TrialState.COMPLETE] * 3


@pytest.mark.parametrize("name", ["TPESampler", "NSGAIISampler", "CmaEsSampler", "GPSampler", "QMCSampler"])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_samplers_of_optuna_work(name: str) -> None:
    """Whatever they read of the study, the part of it that they see has it; all repeats have the same values."""
    if name == "GPSampler":
        pytest.importorskip("torch")
    session = session_of(4, repeats(p=0), sampler={"_target_": f"optuna.samplers.{name}"})
    for _ in range(12):
        trial = started(session)
        trial.suggest_float("y", 0, 1)
        session.may_repeat(trial)
        session.finish(trial, Outcome("complete", (trial.params["x"],)))
    assert session.next_trial() == Stop("done")
    found = {(Attempt.of(trial).first(trial.number), *trial.params.values()) for trial in session.study.trials}
    assert len(found) == 4


def test_a_brute_force_search_visits_each_point_once() -> None:
    """It reads the storage itself, and counts attempts at a point as that point."""
    session = session_of(3, repeats(p=0), sampler={"_target_": "optuna.samplers.BruteForceSampler"})
    for _ in range(9):
        trial: Any = session.next_trial()
        value = trial.suggest_int("n", 0, 2)
        session.may_repeat(trial)
        session.finish(trial, Outcome("complete", (float(value),)))
    values = Counter(trial.params["n"] for trial in session.study.trials)
    assert values == {0: 3, 1: 3, 2: 3}


@pytest.mark.skipif(not hasattr(optuna.Trial, "set_constraint"), reason="Optuna has no constraints")
def test_a_constraint_that_a_repeat_violates_is_violated() -> None:
    """The trial that completes has its own constraints, and those of the other repeats."""
    session = session_of(1)
    for place, violation in enumerate((-1.0, 2.0, -1.0)):
        trial = started(session)
        trial.set_constraint("memory", violation)
        session.finish(trial, Outcome("complete", (float(place),)))
    complete = session.study.trials[-1]
    assert complete.constraints == {"memory": -1.0, "memory (seed=2)": 2.0}
    assert session.refresh().progress.best is None


def test_a_storage_without_a_lock_is_refused() -> None:
    """The last of several repeats is only known where nobody else ends meanwhile."""
    with pytest.raises(QGTuneError, match=r"Cannot keep repeats in .* it has no lock"):
        open_session(StudySpec("s", None), Limits(1, repeats=repeats()), optuna.storages.InMemoryStorage())


def test_points_that_are_enqueued_repeat_too() -> None:
    """The base settings, say: what waits is the first repeat."""
    session = session_of(2)
    session.enqueue([], {"x": 0.25})
    found = [started(session) for _ in range(4)]
    assert [trial.place for trial in found] == ["0/seed=1", "0/seed=2", "0/seed=3", "3/seed=1"]
    assert [trial.params["x"] for trial in found[:3]] == [0.25] * 3
    assert found[0].distributions == {"x": FloatDistribution(0, 1)}
