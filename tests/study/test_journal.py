"""The journal as a storage: batches, the creation lock, errors, and stock Optuna on the same file."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState, create_trial

from qgtune.errors import QGTuneError
from qgtune.study.journal.storage import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from optuna.trial import FrozenTrial

RUNNING = create_trial(state=TrialState.RUNNING, user_attrs={"owner": {"pid": 1}})


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Give a journal with one study."""
    journal = Journal(tmp_path / "study.log")
    journal.create_new_study([optuna.study.StudyDirection.MINIMIZE], "s")
    return journal


@pytest.fixture
def syncs(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect the syncs from now on."""
    assert journal is not None
    syncs: list[int] = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    return syncs


def stock(path: Path) -> JournalStorage:
    """Open the journal with Optuna."""
    return JournalStorage(JournalFileBackend(str(path)))


def seen_by_optuna(journal: Journal) -> list[FrozenTrial]:
    """Return the trials that Optuna sees in the file."""
    return stock(journal._backend.path).get_all_trials(0, deepcopy=False)


def test_a_trial_has_two_syncs(journal: Journal, syncs: list[int]) -> None:
    """Creation and parameters are one sync, reports none, and the end one, with its attributes."""
    study = optuna.load_study(study_name="s", storage=journal, sampler=optuna.samplers.RandomSampler())
    with journal.exclusive():
        trial_id = journal.create_new_trial(0, RUNNING)
    assert len(syncs) == 0
    with journal.batch():
        trial = optuna.trial.Trial(study, trial_id)
        for i in range(14):
            trial.suggest_float(f"x{i}", 0, 1)
    assert len(syncs) == 1
    for step in range(10):
        trial.report(0.5, step)
    assert len(syncs) == 1
    with journal.batch():
        trial.set_user_attr("reason", "good")
        study.tell(trial, 0.5)
    assert len(syncs) == 2
    (seen,) = seen_by_optuna(journal)
    assert seen == journal.get_trial(trial_id)
    assert (seen.state, seen.user_attrs) == (TrialState.COMPLETE, {"owner": {"pid": 1}, "reason": "good"})


def test_what_is_set_outside_a_batch_is_synced(journal: Journal, syncs: list[int]) -> None:
    """A finished trial that is added, a waiting one, a parameter and an attribute outlive a power cut."""
    journal.create_new_trial(0, create_trial(value=1.0))
    journal.create_new_trial(0, create_trial(state=TrialState.WAITING))
    trial_id = journal.create_new_trial(0)
    assert len(syncs) == 2
    journal.set_trial_param(trial_id, "x", 0.5, FloatDistribution(0, 1))
    journal.set_trial_user_attr(trial_id, "a", 1)
    assert len(syncs) == 4


def test_a_batch_shows_only_its_thread_what_it_collected(journal: Journal) -> None:
    """Samplers read back what they set; nobody else sees it before the end of the batch."""
    trial_id = journal.create_new_trial(0, RUNNING)
    seen: list[dict[str, object]] = []

    def look() -> None:
        seen.append(journal.get_trial(trial_id).params)

    with journal.batch():
        journal.set_trial_param(trial_id, "x", 1, CategoricalDistribution(("a", "b")))
        journal.set_trial_system_attr(trial_id, "grid", 3)
        assert journal.get_trial(trial_id).params == {"x": "b"}
        assert journal.get_trial_system_attrs(trial_id) == {"grid": 3}
        assert journal.get_all_trials(0)[0].params == {}
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [{}]
    assert journal.get_all_trials(0)[0].params == {"x": "b"}
    assert seen_by_optuna(journal)[0].system_attrs == {"grid": 3}


def test_a_trial_that_was_handed_out_does_not_change(journal: Journal) -> None:
    """A trial is as it was when it was asked for."""
    trial_id = journal.create_new_trial(0, RUNNING)
    before, listed = journal.get_trial(trial_id), journal.get_all_trials(0, deepcopy=False)
    with journal.batch():
        journal.set_trial_param(trial_id, "x", 0.5, FloatDistribution(0, 1))
        journal.set_trial_user_attr(trial_id, "a", 1)
    between = journal.get_trial(trial_id)
    journal.set_trial_intermediate_value(trial_id, 0, 1.0)
    journal.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])
    assert (before.params, before.user_attrs, before.state) == ({}, {"owner": {"pid": 1}}, TrialState.RUNNING)
    assert listed == [before]
    assert between.intermediate_values == {}
    assert journal.get_trial(trial_id).intermediate_values == {0: 1.0}


def test_an_error_in_a_batch_keeps_what_was_set_before(journal: Journal) -> None:
    """What was sampled before a mistake stands in the journal, as with Optuna."""
    trial_id = journal.create_new_trial(0, RUNNING)

    def sample() -> None:
        with journal.batch(), journal.batch():
            journal.set_trial_param(trial_id, "x", 0.5, FloatDistribution(0, 1))
            raise RuntimeError("mistake")

    with pytest.raises(RuntimeError, match="mistake"):
        sample()
    assert seen_by_optuna(journal)[0].params == {"x": 0.5}


def test_another_kind_of_parameter_is_refused_where_it_is_set(journal: Journal) -> None:
    """A batch does not put off the error about a parameter's kind."""
    first, second = journal.create_new_trial(0, RUNNING), journal.create_new_trial(0, RUNNING)
    journal.set_trial_param(first, "x", 0.5, FloatDistribution(0, 1))
    for collect in (journal.batch, journal.exclusive):
        with collect(), pytest.raises(ValueError, match="Cannot set different distribution kind"):
            journal.set_trial_param(second, "x", 0, CategoricalDistribution(("a", "b")))
    assert journal.get_trial(second).params == {}


def test_an_attribute_that_is_no_json_is_refused_where_it_is_set(journal: Journal) -> None:
    """A batch does not put off that error either, nor lose the rest."""
    trial_id = journal.create_new_trial(0, RUNNING)
    with journal.batch():
        journal.set_trial_user_attr(trial_id, "good", 1)
        with pytest.raises(TypeError, match="not JSON serializable"):
            journal.set_trial_user_attr(trial_id, "bad", object())
    assert journal.get_trial(trial_id).user_attrs["good"] == 1


def test_a_batch_for_a_finished_trial_is_one_error(journal: Journal) -> None:
    """All records of the batch are refused with one error, and later reads are well."""
    trial_id = journal.create_new_trial(0, RUNNING)
    stock(journal._backend.path).set_trial_state_values(trial_id, TrialState.FAIL)

    def write() -> None:
        with journal.batch():
            journal.set_trial_user_attr(trial_id, "a", 1)
            journal.set_trial_user_attr(trial_id, "b", 1)
            journal.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])

    with pytest.raises(UpdateFinishedTrialError, match="has already finished"):
        write()
    assert journal.get_trial(trial_id).state == TrialState.FAIL
    assert "a" not in seen_by_optuna(journal)[0].user_attrs


def test_the_states_are_told_apart(journal: Journal) -> None:
    """Trials are listed by state in the order of their numbers, as Optuna lists them."""
    for state in (TrialState.WAITING, TrialState.RUNNING, TrialState.WAITING, TrialState.FAIL, TrialState.RUNNING):
        journal.create_new_trial(0, create_trial(state=state))
    journal.set_trial_state_values(2, TrialState.RUNNING)
    journal.set_trial_state_values(1, TrialState.COMPLETE, [1.0])
    other = stock(journal._backend.path)
    for states in [None, (), *[(state,) for state in TrialState], (TrialState.COMPLETE, TrialState.RUNNING)]:
        assert journal.get_all_trials(0, states=states) == other.get_all_trials(0, states=states)


def test_the_claim_is_not_the_write_lock(journal: Journal) -> None:
    """Others write reports while one process counts trials."""
    trial_id = journal.create_new_trial(0, RUNNING)
    with journal.exclusive():
        stock(journal._backend.path).set_trial_intermediate_value(trial_id, 0, 1.0)
    assert journal.get_trial(trial_id).intermediate_values == {0: 1.0}


def test_a_copy_from_a_pickle_can_begin_with_a_write(journal: Journal) -> None:
    """A worker that was sent a journal creates trials, and collects parameters, before it has read anything."""
    create, collect = (pickle.loads(pickle.dumps(journal)) for _ in range(2))  # noqa: S301 - our own bytes
    trial_id = create.create_new_trial(0, RUNNING)
    with collect.batch():
        collect.set_trial_param(trial_id, "x", 0.5, FloatDistribution(0, 1))
    assert journal.get_trial(trial_id).params == {"x": 0.5}


def test_the_claim_excludes_copies(journal: Journal) -> None:
    """Two openings of the file have one creation lock."""
    copy = pickle.loads(pickle.dumps(journal))  # noqa: S301 - our own bytes
    held = threading.Event()

    def claim() -> None:
        with copy.exclusive():
            held.set()

    thread = threading.Thread(target=claim)
    with journal.exclusive():
        thread.start()
        assert not held.wait(0.1)
    thread.join()
    assert held.is_set()


def test_without_kernel_locks_the_claim_is_optunas_lock(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without locks the creation lock still excludes."""

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    entry = journal._backend.path.with_name(".study.log.creation.lock")
    with journal.exclusive():
        assert entry.is_symlink()
        assert journal.create_new_trial(0, RUNNING) == 0
    assert not entry.is_symlink()


def test_a_fork_has_its_own_name(journal: Journal) -> None:
    """Two forks of a process do not take each other's trials for their own, as they would in Optuna."""
    names = [journal._replay_result.worker_id]
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, journal._replay_result.worker_id.encode())
        os._exit(0)
    os.waitpid(child, 0)
    names.append(os.read(read, 1000).decode())
    assert len(set(names)) == 2


def test_an_unknown_kind_of_record_is_named(journal: Journal) -> None:
    """A journal of a later Optuna is an error that says so."""
    journal._backend.append_logs([{"op_code": 99, "worker_id": ""}])
    with pytest.raises(QGTuneError, match=r"its record 2 is of kind 99, which is unknown to Optuna"):
        journal.get_all_studies()


def ours(path: str) -> JournalStorage:
    """Open our journal."""
    return Journal(path)


def stock_symlink(path: str) -> JournalStorage:
    """Open Optuna's journal with its default lock."""
    return JournalStorage(JournalFileBackend(path))


def stock_open(path: str) -> JournalStorage:
    """Open Optuna's journal with its other lock."""
    return JournalStorage(JournalFileBackend(path, JournalFileOpenLock(path)))


def run_trials(opener: Callable[[str], JournalStorage], path: str, n_trials: int) -> None:
    """Run trials in a process of their own."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler()
    study = optuna.create_study(study_name="s", storage=opener(path), sampler=sampler, load_if_exists=True)
    study.optimize(objective, n_trials=n_trials)


def objective(trial: optuna.Trial) -> float:
    """Use every kind of record."""
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("pid", os.getpid())
    trial.report(x, 0)
    return x


def test_stock_optuna_writes_the_same_file_at_the_same_time(tmp_path: Path) -> None:
    """Two of ours and one with each of Optuna's locks lose nothing, and all read the same."""
    path = tmp_path / "study.log"
    context = multiprocessing.get_context("spawn")
    openers = (ours, ours, stock_symlink, stock_open)
    workers = [context.Process(target=run_trials, args=(opener, str(path), 12)) for opener in openers]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    trials = Journal(path).get_all_trials(0)
    assert trials == stock(path).get_all_trials(0)
    assert [trial.number for trial in trials] == list(range(48))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert sorted(trial.user_attrs["pid"] for trial in trials) == sorted([worker.pid or 0 for worker in workers] * 12)
    assert {entry.name for entry in tmp_path.iterdir()} == {"study.log", ".study.log.flock"}


def test_a_signal_that_raises_in_a_read_spoils_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was half taken in is read again."""
    stock(journal._backend.path).create_new_trial(0, RUNNING)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("qgtune.study.journal.replay_private.TrialList.put", interrupt)
        with pytest.raises(KeyboardInterrupt):
            journal.get_all_trials(0)
    assert journal.create_new_trial(0, RUNNING) == 1
    assert journal.get_all_trials(0) == seen_by_optuna(journal)
