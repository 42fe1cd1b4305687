"""All that the journal needs of Optuna's private names; nothing else here touches them.

`JournalStorage` writes and syncs each parameter on its own, looks through all trials where a parameter is new, and
copies a trial for each record, and offers no hook to change that. What is used here: of `JournalStorage`, the fields
`_backend`, `_replay_result`, `_thread_lock` and `_worker_id_prefix` and the methods `_write_log` and
`_sync_with_backend`; `JournalStorageReplayResult` with its `_apply_*` methods and its state; `JournalOperation`. Tried
on Optuna 4.9.0 and 5.0.0; `tests/study/test_journal_private.py` holds the contract.
"""

from __future__ import annotations

import copy
import json
import os
import threading
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import check_distribution_compatibility, distribution_to_json, json_to_distribution
from optuna.exceptions import OptunaError
from optuna.storages import JournalStorage
from optuna.storages.journal._storage import JournalOperation, JournalStorageReplayResult
from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.study.journal.trials import TrialList

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from qgtune.study.journal.file import JournalFile
    from qgtune.study.storages.redis_log import RedisLog

_HAS_ZONES = int(optuna.__version__.split(".")[0]) > 4  # noqa: PLR2004 - before, records have local times

Record = dict[str, Any]

_COLLECTED = frozenset(
    (JournalOperation.SET_TRIAL_PARAM, JournalOperation.SET_TRIAL_USER_ATTR, JournalOperation.SET_TRIAL_SYSTEM_ATTR)
)
_distribution: Any = lru_cache(maxsize=4096)(json_to_distribution)


_REFUSALS = (KeyError, ValueError, OptunaError)
"""What a record of this thread may raise when it is applied."""


class _Batch(threading.local):
    """What a thread has collected; `depth` counts the nested batches."""

    def __init__(self) -> None:
        self.depth = 0
        self.records: list[Record] = []
        self.was_collected = False


class BatchingStorage(JournalStorage):
    """A `JournalStorage` that can collect records, and that replays them with little work.

    Args:
        backend: where the records are kept.
    """

    _backend: JournalFile | RedisLog
    _replay_result: Replay

    def __init__(self, backend: JournalFile | RedisLog) -> None:
        self._batch = _Batch()
        super().__init__(backend)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect the parameters and attributes that this thread sets, and write them with one sync at the end.

        A trial's end that is set inside is written at once, together with what was collected before. This thread's
        `get_trial` shows what was collected; nothing else does until it is written. An error inside does not drop it.
        """
        self._batch.depth += 1
        try:
            yield
        finally:
            self._end_batch()

    def _end_batch(self) -> None:
        self._batch.depth -= 1
        if self._batch.depth == 0 and self._batch.records:
            with self._thread_lock:
                self._append([], sync=True)
                self._sync_with_backend()

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return the trial with what this thread has collected for it."""
        trial = super().get_trial(trial_id)
        mine = [record for record in self._batch.records if record["trial_id"] == trial_id]
        return with_records(trial, mine) if mine else trial

    def _write_log(self, op_code: int, extra_fields: dict[str, Any]) -> None:
        worker_id = self._replay().worker_id
        record = {"op_code": op_code, "worker_id": worker_id, **extra_fields}
        if self._batch.depth and op_code in _COLLECTED:
            if op_code == JournalOperation.SET_TRIAL_PARAM:
                self._replay().check_param(record)
            else:
                json.dumps(record)  # raises here, where the caller can see which attribute it was
            self._batch.records.append(record)
            self._batch.was_collected = True
        else:
            self._append([record], sync=_needs_sync(record))

    def _append(self, records: list[Record], *, sync: bool) -> None:
        collected, self._batch.records = self._batch.records, []
        self._backend.append(collected + records, sync=sync or bool(collected))

    def _sync_with_backend(self) -> None:
        if self._batch.was_collected:  # nothing was written
            self._batch.was_collected = False
            return
        replay = self._replay()
        try:
            replay.apply_logs(self._backend.read_logs(replay.log_number_read))
        except _REFUSALS:
            raise
        except BaseException:  # a signal that raises, for one: a record may be half applied
            as_at_first: Any = JournalStorageReplayResult(self._worker_id_prefix)
            self._replay_result = as_at_first
            raise

    def _replay(self) -> Replay:
        if type(self._replay_result) is not Replay:  # as it is after `__init__` and `__setstate__`
            replay = Replay(self._worker_id_prefix)
            self.start_replay(replay)
            self._replay_result = replay
        return self._replay_result

    def start_replay(self, replay: Replay) -> None:
        """Bring an empty replay as far as is possible without the journal; here, nowhere."""

    def __getstate__(self) -> dict[Any, Any]:
        """Leave out what belongs to the process."""
        state = super().__getstate__()
        del state["_batch"]
        return state

    def __setstate__(self, state: dict[Any, Any]) -> None:
        self._batch = _Batch()
        super().__setstate__(state)


def _needs_sync(record: Record) -> bool:
    """Say whether the record must outlive a power cut on its own.

    A report need not, nor the creation or start of a running trial: the sync of its parameters covers that.
    """
    operation = record["op_code"]
    if operation == JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE:
        return False
    if operation in (JournalOperation.CREATE_TRIAL, JournalOperation.SET_TRIAL_STATE_VALUES):
        return bool(record.get("state", TrialState.RUNNING) != TrialState.RUNNING)
    return True


class Replay(JournalStorageReplayResult):
    """The state that the records lead to; a record costs the same in a long study as in a short one.

    A trial that was handed out never changes: the first record of a sync that changes it makes a copy.
    """

    def __init__(self, worker_id_prefix: str) -> None:
        super().__init__(worker_id_prefix)
        self._lists: dict[int, TrialList] = {}
        self._known: dict[tuple[int, str], BaseDistribution] = {}
        self._fresh: set[int] = set()

    @property
    def worker_id(self) -> str:
        """Name this thread; a fork has other names than its parent."""
        return f"{self._worker_id_prefix}{os.getpid()}-{threading.get_ident()}"

    def apply_logs(self, logs: Iterable[Record]) -> None:
        """Apply all records, then raise the first error that a record of this thread led to."""
        first: Exception | None = None
        try:
            for log in logs:
                self.log_number_read += 1
                try:
                    self._apply(log)
                except _REFUSALS as error:
                    self._refuse_foreign(log, error)
                    first = first or error
        finally:
            self._fresh.clear()
        if first is not None:
            raise first

    def _refuse_foreign(self, log: Record, error: Exception) -> None:
        """Refuse a record that lacks what each of its kind has."""
        missing = error.args[0] if isinstance(error, KeyError) else None
        if isinstance(missing, str) and missing.isidentifier() and missing not in log:
            raise QGTuneError(
                f"Cannot read journal: its record {self.log_number_read} has no {missing}, so it is none of Optuna's. "
                "Remove that line while no process uses the file."
            )

    def _apply(self, log: Record) -> None:
        operation = log["op_code"]
        if (apply := _APPLIERS.get(operation)) is not None:
            apply(self, log)
        elif operation not in JournalOperation.__members__.values():
            raise QGTuneError(
                f"Cannot read journal: its record {self.log_number_read} is of kind {operation}, which is unknown to "
                f"Optuna {optuna.__version__}. Use the version of Optuna that wrote it."
            )

    def _apply_create_study(self, log: Record) -> None:
        study_id = self._next_study_id
        super()._apply_create_study(log)
        if study_id in self._studies:
            self._lists[study_id] = TrialList()

    def _apply_create_trial(self, log: Record) -> None:
        trial_id = len(self._trials)
        super()._apply_create_trial({key: log[key] for key in log if key not in ("params", "distributions")})
        if (trial := self._trials.get(trial_id)) is None:
            return
        study_id = log["study_id"]
        for name, text in log.get("distributions", {}).items():
            trial.distributions[name] = _distribution(text)
            self._known.setdefault((study_id, name), trial.distributions[name])
        for name, value in log.get("params", {}).items():
            trial.params[name] = trial.distributions[name].to_external_repr(value)
        self._fresh.add(trial_id)
        self._lists[study_id].put(trial)

    def _apply_set_trial_param(self, log: Record) -> None:
        if (trial := self._writable(log)) is None:
            return
        name, distribution = log["param_name"], _distribution(log["distribution"])
        known = self._known.setdefault((self._trial_id_to_study_id[log["trial_id"]], name), distribution)
        try:
            if known is not distribution:
                check_distribution_compatibility(known, distribution)
        except ValueError:
            if self._is_issued_by_this_worker(log):
                raise
            return
        trial.params[name] = distribution.to_external_repr(log["param_value_internal"])
        trial.distributions[name] = distribution

    def _apply_set_trial_intermediate_value(self, log: Record) -> None:
        if (trial := self._writable(log)) is not None:
            trial.intermediate_values[log["step"]] = log["intermediate_value"]

    def _apply_set_trial_user_attr(self, log: Record) -> None:
        if (trial := self._writable(log)) is not None:
            trial.user_attrs.update(log["user_attr"])

    def _apply_set_trial_system_attr(self, log: Record) -> None:
        if (trial := self._writable(log)) is not None:
            trial.system_attrs.update(log["system_attr"])

    def _apply_set_trial_state_values(self, log: Record) -> None:
        trial_id = log["trial_id"]
        before = self._trials.get(trial_id)
        super()._apply_set_trial_state_values(log)
        after = self._trials.get(trial_id)
        if after is not None and after is not before:
            self._fresh.discard(trial_id)  # its mappings are those of the trial before
            self._lists[self._trial_id_to_study_id[trial_id]].put(after)

    def _writable(self, log: Record) -> FrozenTrial | None:
        """Return the trial that the record changes, one that nobody has seen; None if it cannot be changed."""
        trial_id = log["trial_id"]
        if not self._trial_exists_and_updatable(trial_id, log):
            return None
        if trial_id not in self._fresh:
            self._fresh.add(trial_id)
            self._trials[trial_id] = trial = _copy(self._trials[trial_id])
            self._lists[self._trial_id_to_study_id[trial_id]].put(trial)
        return self._trials[trial_id]

    def check_param(self, log: Record) -> None:
        """Check the parameter of a record that is yet to be written.

        Raises:
            ValueError: when the study has a parameter of that name and of another kind.
        """
        study_id = self._trial_id_to_study_id.get(log["trial_id"], -1)
        if (known := self._known.get((study_id, log["param_name"]))) is not None:
            check_distribution_compatibility(known, _distribution(log["distribution"]))

    def get_all_trials(self, study_id: int, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """Return the study's trials in the order of their numbers."""
        self.get_study(study_id)
        return self._lists[study_id].select(states)

    def summary(self) -> Iterator[Record] | None:
        """Yield records that lead to this state, one a trial; None where there are none, after a study was deleted."""
        if len(self._studies) != self._next_study_id:
            return None
        return self._summary()

    def _summary(self) -> Iterator[Record]:
        base: Record = {"worker_id": ""}
        for study_id, study in self._studies.items():
            kinds = [direction.value for direction in study.directions]
            yield base | {"op_code": 0, "study_name": study.study_name, "directions": kinds}
            for key, value in study.user_attrs.items():
                yield base | {"op_code": 2, "study_id": study_id, "user_attr": {key: value}}
            for key, value in study.system_attrs.items():
                yield base | {"op_code": 3, "study_id": study_id, "system_attr": {key: value}}
        for trial_id, trial in self._trials.items():
            yield base | {"op_code": 4, "study_id": self._trial_id_to_study_id[trial_id], **_fields(trial)}


_APPLIERS: dict[int, Callable[[Replay, Record], None]] = {
    operation: getattr(Replay, f"_apply_{operation.name.lower()}")
    for operation in JournalOperation
    if hasattr(Replay, f"_apply_{operation.name.lower()}")
}


def _copy(trial: FrozenTrial) -> FrozenTrial:
    """Copy the trial so far that records can change it."""
    twin = copy.copy(trial)
    twin.params = dict(trial.params)
    twin.distributions = dict(trial.distributions)
    twin.user_attrs = dict(trial.user_attrs)
    twin.system_attrs = dict(trial.system_attrs)
    twin.intermediate_values = dict(trial.intermediate_values)
    return twin


def with_records(trial: FrozenTrial, records: Iterable[Record]) -> FrozenTrial:
    """Return a copy of the trial with collected records applied."""
    twin = _copy(trial)
    for record in records:
        twin.user_attrs.update(record.get("user_attr", {}))
        twin.system_attrs.update(record.get("system_attr", {}))
        if "param_name" in record:
            distribution = _distribution(record["distribution"])
            twin.distributions[record["param_name"]] = distribution
            twin.params[record["param_name"]] = distribution.to_external_repr(record["param_value_internal"])
    return twin


def _fields(trial: FrozenTrial) -> Record:
    """Return the fields of a record that creates the trial as it is."""
    fields: Record = {
        "state": trial.state.value,
        "values": trial.values,
        "datetime_start": _iso(trial.datetime_start),
        "distributions": {name: _text(kind) for name, kind in trial.distributions.items()},
        "params": {name: trial.distributions[name].to_internal_repr(value) for name, value in trial.params.items()},
        "user_attrs": trial.user_attrs,
        "system_attrs": trial.system_attrs,
        "intermediate_values": trial.intermediate_values,
    }
    if trial.datetime_complete is not None:
        fields["datetime_complete"] = _iso(trial.datetime_complete)
    return fields


def _iso(moment: datetime | None) -> str | None:
    """Write a trial's time, which is local and has no zone, as this Optuna's records have it."""
    if moment is not None and _HAS_ZONES:
        moment = moment.astimezone(timezone.utc)
    return None if moment is None else moment.isoformat(timespec="microseconds")


_texts: dict[int, tuple[BaseDistribution, str]] = {}


def _text(distribution: BaseDistribution) -> str:
    """Return `distribution_to_json`, found by identity: the replay makes equal distributions one."""
    if (known := _texts.get(id(distribution))) is None or known[0] is not distribution:
        known = _texts[id(distribution)] = (distribution, distribution_to_json(distribution))
    return known[1]
