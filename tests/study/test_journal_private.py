"""The contract with Optuna's private names, run on Optuna 4.9.0 and 5.0.0."""

from __future__ import annotations

import inspect
import random
from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._storage import JournalOperation, JournalStorageReplayResult
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from qgtune.study.journal.replay_private import Replay
from qgtune.study.journal.storage import Journal

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = {
    "log_number_read",
    "_worker_id_prefix",
    "_studies",
    "_trials",
    "_study_id_to_trial_ids",
    "_trial_id_to_study_id",
    "_next_study_id",
    "_worker_id_to_owned_trial_id",
}
KINDS = {
    "CREATE_STUDY": 0,
    "DELETE_STUDY": 1,
    "SET_STUDY_USER_ATTR": 2,
    "SET_STUDY_SYSTEM_ATTR": 3,
    "CREATE_TRIAL": 4,
    "SET_TRIAL_PARAM": 5,
    "SET_TRIAL_STATE_VALUES": 6,
    "SET_TRIAL_INTERMEDIATE_VALUE": 7,
    "SET_TRIAL_USER_ATTR": 8,
    "SET_TRIAL_SYSTEM_ATTR": 9,
}


def test_the_replay_has_the_fields_that_we_use() -> None:
    """The replay's state is what it was."""
    assert set(vars(JournalStorageReplayResult(""))) >= FIELDS


def test_the_kinds_of_records_are_known() -> None:
    """The kinds have their numbers, and each that does something is applied by a method."""
    kinds = {operation.name: operation.value for operation in JournalOperation}
    assert kinds.items() >= KINDS.items()
    assert all(hasattr(JournalStorageReplayResult, f"_apply_{name.lower()}") for name in KINDS)


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (JournalStorage, "_write_log", ["self", "op_code", "extra_fields"]),
        (JournalStorage, "_sync_with_backend", ["self"]),
        (JournalStorageReplayResult, "apply_logs", ["self", "logs"]),
        (JournalStorageReplayResult, "get_all_trials", ["self", "study_id", "states"]),
        (JournalStorageReplayResult, "_trial_exists_and_updatable", ["self", "trial_id", "log"]),
        (JournalStorageReplayResult, "_is_issued_by_this_worker", ["self", "log"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_methods_that_we_use_are_there(owner: type, name: str, parameters: list[str]) -> None:
    """The methods that we call or replace take what they took."""
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_storage_goes_through_our_methods(tmp_path: Path) -> None:
    """The storage has the fields that we use, and puts our replay to work after opening and unpickling."""
    journal = Journal(tmp_path / "study.log")
    assert {"_backend", "_replay_result", "_thread_lock", "_worker_id_prefix"} <= set(vars(journal))
    assert isinstance(journal._replay_result, Replay)


KINDS_OF_PARAMETERS = [
    FloatDistribution(1e-4, 1, log=True),
    IntDistribution(1, 9, step=2),
    CategoricalDistribution(("a", None, 1.5)),
    CategoricalDistribution(("a", "b")),
]


def act(storage: JournalStorage, draw: random.Random) -> None:
    """Do one thing to the storage; the errors are Optuna's own."""
    trials = storage.get_all_trials(0, deepcopy=False)
    trial_id = draw.choice(trials)._trial_id
    things: list[Any] = [
        lambda: storage.create_new_trial(0),
        lambda: storage.create_new_trial(0, create_trial(state=TrialState.WAITING, user_attrs={"w": 1})),
        lambda: storage.create_new_trial(
            0, create_trial(value=1.0, params={"x0": 0.5}, distributions={"x0": KINDS_OF_PARAMETERS[0]})
        ),
        lambda: storage.set_trial_param(trial_id, f"x{draw.randrange(3)}", 1.0, draw.choice(KINDS_OF_PARAMETERS)),
        lambda: storage.set_trial_intermediate_value(trial_id, draw.randrange(5), draw.random()),
        lambda: storage.set_trial_user_attr(trial_id, draw.choice("ab"), draw.random()),
        lambda: storage.set_trial_system_attr(trial_id, draw.choice("ab"), [draw.random()]),
        lambda: storage.set_trial_state_values(trial_id, TrialState.RUNNING),
        lambda: storage.set_trial_state_values(trial_id, draw.choice(list(TrialState)[1:4]), [draw.random()]),
        lambda: storage.set_study_user_attr(0, "u", draw.random()),
    ]
    draw.choice(things)()


@pytest.mark.parametrize("seed", range(20))
def test_any_records_lead_to_the_state_that_optuna_sees(tmp_path: Path, seed: int) -> None:
    """Ours and Optuna's storage, acting in turns, agree on all trials, also on what was refused."""
    path = tmp_path / "study.log"
    ours, stock = Journal(path), JournalStorage(JournalFileBackend(str(path)))
    ours.create_new_study([StudyDirection.MINIMIZE], "s")
    ours.create_new_trial(0)
    draw = random.Random(seed)  # noqa: S311 - not a secret
    refused = 0
    for _ in range(80):
        try:
            if draw.random() < 0.3:
                act(stock, draw)
            elif draw.random() < 0.5:
                act(ours, draw)
            else:
                with ours.batch():
                    for _ in range(3):
                        act(ours, draw)
        except (ValueError, KeyError, UpdateFinishedTrialError):
            refused += 1
    assert refused > 0
    for states in [None, *[(state,) for state in TrialState]]:
        expected = stock.get_all_trials(0, states=states)
        assert ours.get_all_trials(0, states=states) == expected
        assert Journal(path).get_all_trials(0, states=states) == expected
    assert ours.get_all_studies() == stock.get_all_studies()
