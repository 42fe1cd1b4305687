"""One process's part in a study: claim trials, finish them, clear up after the dead."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.study import StudyDirection
from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.study import optuna_private
from qgtune.study.algorithms.factory import build_pruner, build_sampler
from qgtune.study.attempts.creation import next_trial_id
from qgtune.study.attempts.ledger import LOST, OWNER, REASON, Ledger, Limits, Start, Stop, stale
from qgtune.study.attempts.owner import Owner, is_dead
from qgtune.study.objectives import Objectives
from qgtune.study.storages.addresses import Storage, safe
from qgtune.study.storages.exclusive import Claiming, exclusively
from qgtune.study.storages.opening import batch, file_exists, heartbeats_of, is_memory, open_storage

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

    from qgtune.study.attempts.heartbeats import Beats

STREAMS = "qgtune:streams"
SPACE = "qgtune:space"


@dataclass(frozen=True, slots=True)
class StudySpec:
    """What it takes to open a study; it travels to the workers.

    Attributes:
        name: the study's name in its storage.
        storage: the path of a journal file, a URL, or a mapping with a `_target_`; None or `memory` for memory only.
        objectives: what it optimises.
        sampler: `_target_` mapping of the sampler; None means Optuna's default.
        pruner: `_target_` mapping of the pruner; None means Optuna's default.
        seed: the root of all random streams; None draws from the system.
    """

    name: str
    storage: Storage
    objectives: Objectives = Objectives()  # noqa: RUF009 - frozen
    sampler: Mapping[str, Any] | None = None
    pruner: Mapping[str, Any] | None = None
    seed: int | None = None


@dataclass(slots=True)
class Session:
    """An open study and the tally of its trials."""

    study: optuna.Study
    limits: Limits
    objectives: Objectives = field(default_factory=Objectives)
    owner: Owner = field(default_factory=Owner.current)
    clock: Callable[[], float] = time.time
    ledger: Ledger = field(default_factory=Ledger)
    heartbeats: Beats | None = None
    reseed: Callable[[int], None] | None = None  # names a random stream by the first trial's number

    @property
    def storage(self) -> BaseStorage:
        """The study's storage."""
        return optuna_private.storage_of(self.study)

    def refresh(self) -> Ledger:
        """Bring the tally up to date."""
        self.ledger.update(self.study.get_trials(deepcopy=False), self.limits)
        return self.ledger

    def wants_more(self) -> bool:
        """Say whether a worker that asked now would get a trial."""
        return isinstance(self.refresh().next(self.limits, self.clock()), Start)

    def next_trial(self) -> Trial | Stop:
        """Claim the next trial, or learn why there is none.

        No number of processes creates one trial too many.
        """
        found = next_trial_id(self)
        if isinstance(found, Stop):
            return found
        optuna_private.forget_cached_trials(self.study)
        return self._with_sampler(optuna.trial.Trial(self.study, found))

    def _with_sampler(self, trial: Trial) -> Trial:
        """Give the study its random stream, if that waited for the session's first trial."""
        if self.reseed is not None:
            self.reseed(trial.number)
            self.reseed = None
        return trial

    def judge(self, returned: Any) -> Outcome:
        """Judge what a trial's function returned; the first mapping gives objectives without names theirs."""
        outcome = completed(returned, self.objectives)
        if outcome.values and isinstance(returned, Mapping) and not self.objectives.names:
            exclusively(self.storage, lambda: self._name(tuple(map(str, returned))))
            return completed(returned, self.objectives)
        return outcome

    def take_names(self) -> None:
        """Agree with the study on the names of its objectives.

        Raises:
            QGTuneError: when it has other names.
        """
        wanted = self.objectives.names
        if wanted:
            exclusively(self.storage, lambda: self._name(wanted))
        else:
            self.objectives = replace(self.objectives, names=tuple(self.study.metric_names or ()))
        if wanted and self.objectives.names != wanted:
            raise QGTuneError(
                f"Cannot use study {self.study.study_name!r}: its objectives are {', '.join(self.objectives.names)}, "
                f"not {', '.join(wanted)}. Give those, or another study_name."
            )

    def _name(self, names: tuple[str, ...]) -> None:
        """Name the objectives, unless the study knows their names: then take those."""
        known = self.study.metric_names
        if known is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                self.study.set_metric_names(list(names))
        self.objectives = replace(self.objectives, names=tuple(known or names))

    def enqueue(self, points: Sequence[Mapping[str, Any]], base: Mapping[str, Any] | None = None) -> bool:
        """Add points that are run before any that is sampled.

        Args:
            points: values as the study stores them, by name. One that the study has already is passed over.
            base: a point to run first of all if the study is new; None for none.

        Returns:
            Whether `base` was added.
        """
        return exclusively(self.storage, lambda: self._enqueue(points, base))

    def _enqueue(self, points: Sequence[Mapping[str, Any]], base: Mapping[str, Any] | None) -> bool:
        takes_base = base is not None and not self.study.get_trials(deepcopy=False)
        for point in (base if takes_base else None, *points):
            if point is not None:
                self.study.enqueue_trial(dict(point), skip_if_exists=True)
        return takes_base

    def finish(self, trial: Trial, outcome: Outcome) -> None:
        """Record how a trial ended.

        A trial that somebody else has finished meanwhile is left as it is.
        """
        try:
            with batch(self.storage):
                for key, value in outcome.attributes().items():
                    trial.set_user_attr(key, value)
                self.study.tell(trial, _values(outcome), state=outcome.state)
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            if not _is_finished(self.study, trial.number):
                raise

    def reap(self) -> list[int]:
        """Mark the running trials of dead owners failed.

        Returns:
            Their numbers.
        """
        return self._mark_all_lost(self._owner_is_dead, "its worker ended without a word")

    def mark_died(self, owner_pid: int, reason: str) -> list[int]:
        """Mark the running trials of this host's dead process `owner_pid` failed, with the reason.

        Returns:
            Their numbers.
        """
        return self._mark_all_lost(lambda trial: _pid_of(trial, self.owner) == owner_pid, reason)

    def abandon(self, reason: str) -> None:
        """Mark the running trials of this process failed, to be run again; for a worker that has to stop."""
        self._mark_all_lost(self._is_mine, reason, "interrupted")

    def _mark_all_lost(self, which: Callable[[FrozenTrial], bool], reason: str, lost: str = "died") -> list[int]:
        def mark() -> list[int]:
            found = stale(self.study.get_trials(deepcopy=False), which)
            return [trial.number for trial in found if self._mark_lost(trial, reason, lost)]

        return exclusively(self.storage, mark)

    def _owner_is_dead(self, trial: FrozenTrial) -> bool:
        owner = Owner.from_attribute(trial.user_attrs.get(OWNER))
        if owner is None:
            return False
        if owner.host == self.owner.host:
            return is_dead(owner)
        return self.heartbeats is not None and self.heartbeats.have_stopped(owner)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Show other hosts that this process lives while it runs trials."""
        if self.heartbeats is None:
            yield
            return
        with self.heartbeats.kept_up(self.owner):
            yield

    def _is_mine(self, trial: FrozenTrial) -> bool:
        return Owner.from_attribute(trial.user_attrs.get(OWNER)) == self.owner

    def _mark_lost(self, trial: FrozenTrial, reason: str, lost: str) -> bool:
        """Mark a trial failed; return False if somebody else has finished it meanwhile."""
        trial_id = optuna_private.trial_id_of(trial)
        try:
            with batch(self.storage):
                self.storage.set_trial_user_attr(trial_id, REASON, reason)
                self.storage.set_trial_user_attr(trial_id, LOST, lost)
                self.storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended.

    Attributes:
        state: COMPLETE, PRUNED or FAIL.
        values: the objectives' values; empty unless the trial completed.
        reason: why it failed, one line.
        lost: `interrupted` for a trial that is to be run again because the user stopped the sweep.
    """

    state: TrialState
    values: tuple[float, ...] = ()
    reason: str = ""
    lost: str = ""

    def attributes(self) -> dict[str, str]:
        """Return the user attributes that tell the reason."""
        pairs = {REASON: self.reason, LOST: self.lost}
        return {key: text for key, text in pairs.items() if text}


def completed(returned: Any, objectives: Objectives) -> Outcome:
    """Judge what a trial's function returned.

    Returns:
        A COMPLETE outcome, or a FAIL outcome that says what is wrong with the value.
    """
    try:
        return Outcome(TrialState.COMPLETE, objectives.values_of(returned))
    except ValueError as error:
        return failed(f"it {error}")


def failed(reason: str, *, lost: str = "") -> Outcome:
    """Return the outcome of a trial that failed for `reason`."""
    return Outcome(TrialState.FAIL, reason=reason, lost=lost)


def pruned() -> Outcome:
    """Return the outcome of a trial that the pruner stopped."""
    return Outcome(TrialState.PRUNED)


def _values(outcome: Outcome) -> list[float] | None:
    return list(outcome.values) or None


def _pid_of(trial: FrozenTrial, here: Owner) -> int | None:
    owner = Owner.from_attribute(trial.user_attrs.get(OWNER))
    return owner.pid if owner is not None and owner.host == here.host else None


def _is_finished(study: optuna.Study, number: int) -> bool:
    return study.get_trials(deepcopy=False)[number].state.is_finished()


def open_session(
    spec: StudySpec, limits: Limits, storage: BaseStorage | None = None, *, samples: bool = True
) -> Session:
    """Open the study, and create it if it does not exist.

    Args:
        spec: the study.
        limits: when it ends.
        storage: an open storage to use; None opens `spec.storage`.
        samples: whether trials will be claimed; if so, the session draws a random stream of its own.

    Raises:
        QGTuneError: when the storage cannot be opened, the study there has other directions, or the sampler or the
            pruner cannot be built.
    """
    _quiet_optuna()
    if storage is None:
        storage = open_storage(spec.storage)
    study = _create_or_load(spec, storage)
    # A sampler that is through calls `stop`, which Optuna allows inside `optimize` only; the limits bound it here.
    study.stop = _no_stop  # type: ignore[method-assign]
    heartbeats = heartbeats_of(storage, optuna_private.id_of(study))
    session = Session(study, limits, spec.objectives, heartbeats=heartbeats)
    session.take_names()
    if samples:
        _give_sampler(session, spec)
    return session


def _give_sampler(session: Session, spec: StudySpec) -> None:
    """Give the study a sampler with a random stream of its own."""
    conf = spec.sampler or {"_target_": f"optuna.samplers.{type(session.study.sampler).__name__}"}

    def build(*stream: int) -> None:
        seed = None if spec.seed is None else _stream_seed(spec.seed, *stream)
        session.study.sampler = build_sampler(conf, seed) or session.study.sampler

    if spec.seed is None:
        build()
    elif isinstance(session.storage, Claiming):
        build(exclusively(session.storage, lambda: _next_stream(session.study)))
    else:  # only trial numbers are told apart there; 1 keeps these streams apart from the counted ones
        session.reseed = lambda number: build(number, 1)


def study_exists(spec: StudySpec) -> bool:
    """Say whether the study is in its storage, without making either a file or a study."""
    if is_memory(spec.storage) or not file_exists(spec.storage):
        return False
    return spec.name in optuna.get_all_study_names(open_storage(spec.storage))


def _create_or_load(spec: StudySpec, storage: BaseStorage) -> optuna.Study:
    def create() -> optuna.Study:
        return optuna.create_study(
            study_name=spec.name,
            storage=storage,
            directions=[StudyDirection[direction.upper()] for direction in spec.objectives.directions],
            sampler=build_sampler(spec.sampler, spec.seed),
            pruner=build_pruner(spec.pruner),
            load_if_exists=True,
        )

    study = exclusively(storage, create)
    known = tuple(direction.name.lower() for direction in study.directions)
    if known != spec.objectives.directions:
        raise QGTuneError(
            f"Cannot use study {spec.name!r} of {safe(spec.storage)}: its direction is {', '.join(known)}, "
            f"not {', '.join(spec.objectives.directions)}. Give that direction, or another study_name."
        )
    return study


def _next_stream(study: optuna.Study) -> int:
    """Draw the next of the study's random streams, so that no two workers and no resumed run share one."""
    stream: int = study.user_attrs.get(STREAMS, 0)
    study.set_user_attr(STREAMS, stream + 1)
    return stream


def _stream_seed(seed: int, *stream: int) -> int:
    import numpy as np

    return int(np.random.SeedSequence([seed, *stream]).generate_state(1)[0])


def _quiet_optuna() -> None:
    """Leave reporting to us: Optuna's own lines at INFO would repeat each trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _no_stop() -> None:
    """Go on: how many trials there are is for the limits to say."""
