"""One process's part in a study: ask for trials, end them, clear up after the dead."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.study import optuna_private
from qgtune.study.attempts.attempt import ATTRIBUTE, Attempt
from qgtune.study.attempts.control import FINISHED, Control, Seat
from qgtune.study.attempts.creation import next_trial_id
from qgtune.study.attempts.heartbeats import PERIOD_S
from qgtune.study.attempts.ledger import Ledger, is_feasible
from qgtune.study.attempts.limits import Limits, Start, Stop
from qgtune.study.attempts.owner import Owner, is_dead
from qgtune.study.lifecycle import Lifecycle, ToldTrial, tell
from qgtune.study.objectives import Objectives
from qgtune.study.outcome import MEMORY, Outcome, completed, returned
from qgtune.study.repeats.gathering import gathered
from qgtune.study.repeats.measured import ATTRIBUTE as MEASURED
from qgtune.study.repeats.measured import Measured
from qgtune.study.storages.exclusive import exclusively
from qgtune.study.storages.opening import batch

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial, Trial

    from qgtune.study.attempts.heartbeats import Beats


@dataclass(slots=True)
class Session:
    """An open study and the tally of its trials.

    Attributes:
        study: it.
        limits: when it ends.
        objectives: what it optimises.
        owner: this process, which owns the attempts that it starts.
        clock: returns the time in seconds since the epoch.
        ledger: the tally.
        heartbeats: how processes of other places show that they live; None where the storage has no way to.
        settings: the digest of what is not sampled; empty where nobody took it.
        folder: where the trials' records are; empty where there are none.
        gpus: how many GPUs this process has, a shared one in part; None where nobody knows.
        features: what is told of the attempts.
        seat: which of a sweep's workers this is; None where that makes no difference.
        reseed: gives the sampler a random stream named by the number of the session's first trial; None if it has one.
    """

    study: optuna.Study
    limits: Limits
    objectives: Objectives = field(default_factory=Objectives)
    owner: Owner = field(default_factory=Owner.current)
    clock: Callable[[], float] = time.time
    ledger: Ledger = field(default_factory=Ledger)
    heartbeats: Beats | None = None
    settings: str = ""
    folder: str = ""
    gpus: float | None = None
    features: Sequence[Lifecycle] = ()
    seat: Seat | None = None
    reseed: Callable[[int], None] | None = None
    _finished: set[int] = field(default_factory=set)
    _told_best: int | None = None

    @property
    def storage(self) -> BaseStorage:
        """The study's storage."""
        return optuna_private.storage_of(self.study)

    @property
    def start(self) -> Attempt:
        """What an attempt of this process starts from."""
        return Attempt(
            self.owner,
            settings=self.settings,
            folder=self.folder,
            rung=None if self.limits.fidelity is None else 0,
            replicate="" if self.limits.repeats is None else self.limits.repeats.names[0],
            gpus=self.gpus,
        )

    def refresh(self) -> Ledger:
        """Bring the tally up to date."""
        self.ledger.update(self.study.get_trials(deepcopy=False), self.limits)
        return self.ledger

    def forget_failures(self) -> None:
        """Let the failures of earlier runs be no reason to stop: whoever starts again has mended something."""
        self.limits = replace(self.limits, n_before=len(self.study.get_trials(deepcopy=False)))

    def wants_more(self) -> bool:
        """Say whether a worker that asked now would get a trial, or wait for one."""
        return isinstance(self.decide(), Start)

    def decide(self) -> Start | Stop:
        """Say what a worker that asked now would get, but for a pause."""
        return FINISHED if Control.of(self.study).finish else self.refresh().next(self.limits, self.clock())

    def next_trial(self) -> Trial | Stop:
        """Create the next trial, or learn why there is none.

        No number of processes creates one trial too many.
        """
        found = Control.of(self.study).stop_of(self.seat) or next_trial_id(self)
        if found is FINISHED:
            self.refresh()
        self.tell_new_best()
        if isinstance(found, Stop):
            return found
        optuna_private.forget_cached_trials(self.study)
        trial = ToldTrial(self, found)
        if self.reseed is not None:  # the study's random stream waited for the session's first trial
            self.reseed(trial.number)
            self.reseed = None
        tell(self.features, lambda feature: feature.attempt_started(self, trial))
        return trial

    def tell_new_best(self) -> None:
        """Tell the features of a trial of this session that was found to be the best when the tally was last taken."""
        best = self.ledger.progress.best
        if best is None or best[1] == self._told_best:
            return
        self._told_best = best[1]
        if self._told_best in self._finished:
            trial = self.study.get_trials(deepcopy=False)[self._told_best]
            tell(self.features, lambda feature: feature.new_best(self, trial))

    def outcome_of(self, value: Any) -> Outcome:
        """Say what a function's return value makes of its trial; the first mapping names objectives without names."""
        outcome = completed(value, self.objectives)
        if outcome.values and isinstance(value, Mapping) and not self.objectives.names:
            exclusively(self.storage, lambda: self._name(tuple(map(str, value))))
            return completed(value, self.objectives)
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
        trials = self.study.get_trials(deepcopy=False)
        takes_base = base is not None and not trials
        # Compared here: Optuna takes numbers for the same that differ by less than 1e-5 of them, such as long seeds.
        known = [trial.system_attrs.get("fixed_params", trial.params) for trial in trials]
        for point in (base if takes_base else None, *points):
            if point is not None and dict(point) not in known:
                self.study.enqueue_trial(dict(point))
                known.append(dict(point))
        return takes_base

    def finish(self, trial: Trial, outcome: Outcome) -> None:
        """Record how an attempt of this process ended."""
        if outcome.end == "complete" and isinstance(trial, ToldTrial):
            trial.take_along()
            outcome = self._paused(trial, outcome)
        if isinstance(trial, ToldTrial) and trial.replicate and outcome.end in ("complete", "pruned"):
            self._finish_repeat(trial, outcome)
        else:
            self._end(optuna_private.trial_id_of(trial), outcome, functools.partial(self._to_sampler, trial, outcome))
        self._finished.add(trial.number)

    def _to_sampler(self, trial: Trial, outcome: Outcome) -> None:
        values = list(outcome.values) if outcome.state == TrialState.COMPLETE else None
        self.study.tell(trial, values or None, state=outcome.state)

    def _finish_repeat(self, trial: ToldTrial, outcome: Outcome) -> None:
        """Record how one of several repeats ended, and with it, perhaps, its configuration, which nobody else ends."""
        written: list[Outcome] = []

        def write() -> None:
            found = self._gathered(trial, outcome)
            to_sampler = functools.partial(self._to_sampler, trial, found)
            if self._write_end(optuna_private.trial_id_of(trial), found, to_sampler):
                written.append(found)

        exclusively(self.storage, write)
        for found in written:
            self._tell_end(trial.number, found)

    def may_repeat(self, trial: Trial) -> None:
        """Let other repeats of a trial's configuration start, since it has all of its values."""
        trial_id = optuna_private.trial_id_of(trial)
        attempt = Attempt.of(self.storage.get_trial(trial_id))
        if attempt.replicate:
            self.storage.set_trial_user_attr(trial_id, ATTRIBUTE, replace(attempt, is_drawn=True).to_attribute())

    def _gathered(self, trial: ToldTrial, outcome: Outcome) -> Outcome:
        """Say what the end of one of several repeats means for its configuration, which nobody else ends meanwhile."""
        repeats, ledger = self.limits.repeats, self.refresh()
        if repeats is None:
            return outcome
        best = ledger.progress.best
        known = None if best is None else Measured.of(self.study.get_trials(deepcopy=False)[best[1]])
        found = gathered(
            outcome,
            trial.replicate,
            repeats,
            ledger.configurations[trial.first],
            {} if known is None else known.values,
            maximize=self.limits.maximize[0],
        )
        if found.end == "complete":
            self._take_constraints(trial)
        trial_id, measured = optuna_private.trial_id_of(trial), found.measured
        if found.end == "pruned" and measured is not None and not self.storage.get_trial(trial_id).intermediate_values:
            # Samplers know from it how it stands.
            self.storage.set_trial_intermediate_value(trial_id, measured.n - 1, measured.value)
        return found

    def _take_constraints(self, trial: ToldTrial) -> None:
        """Let a configuration violate the constraints that any of its repeats violates."""
        for other in self.study.get_trials(deepcopy=False)[trial.first :]:
            attempt = Attempt.of(other)
            if attempt.end == "measured" and attempt.first(other.number) == trial.first and not is_feasible(other):
                for name, value in getattr(other, "constraints", {}).items():
                    trial.set_constraint(f"{name} ({attempt.replicate})", value)

    def _paused(self, trial: ToldTrial, outcome: Outcome) -> Outcome:
        """Let an attempt that has reached a rung below the last pause there, rather than complete."""
        fidelity = self.limits.fidelity
        if fidelity is None or trial.rung is None or trial.rung >= len(fidelity.rungs) - 1:
            return outcome
        if not self.storage.get_trial(optuna_private.trial_id_of(trial)).intermediate_values:
            trial.report(outcome.values[0], fidelity.rungs[trial.rung])  # so that samplers know how it stands
        return replace(outcome, end="paused", score=outcome.values[0])

    def _end(self, trial_id: int, outcome: Outcome, write: Callable[[], None] | None = None) -> bool:
        """Write the one end of an attempt, whoever has seen it, and tell the features.

        Returns:
            False if somebody else has finished it meanwhile: then it stays as it is.
        """
        if not self._write_end(trial_id, outcome, write):
            return False
        self._tell_end(self.storage.get_trial(trial_id).number, outcome)
        return True

    def _tell_end(self, number: int, outcome: Outcome) -> None:
        tell(self.features, lambda feature: feature.attempt_ended(self, number, outcome))

    def _write_end(self, trial_id: int, outcome: Outcome, write: Callable[[], None] | None) -> bool:
        try:
            with batch(self.storage):
                if outcome.memory:
                    self.storage.set_trial_user_attr(trial_id, MEMORY, dict(outcome.memory))
                if outcome.measured is not None:
                    self.storage.set_trial_user_attr(trial_id, MEASURED, outcome.measured.to_attribute())
                if outcome.state == TrialState.FAIL or outcome.end == "measured" or outcome.score is not None:
                    trial = self.storage.get_trial(trial_id)
                    ran_s = self._ran_s(trial) if outcome.end == "lost" else None
                    ended = replace(Attempt.of(trial), end=outcome.end, reason=outcome.reason, log=outcome.log)
                    ended = replace(ended, score=outcome.score, ran_s=ran_s)
                    self.storage.set_trial_user_attr(trial_id, ATTRIBUTE, ended.to_attribute())
                if write is None:
                    self.storage.set_trial_state_values(trial_id, outcome.state)
                else:
                    write()
        except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
            if not self.storage.get_trial(trial_id).state.is_finished():
                raise
            return False
        return True

    def _ran_s(self, trial: FrozenTrial) -> float | None:
        """Return for how long a lost attempt can have run, if its worker's last sign of life says less than now."""
        owner = Attempt.of(trial).owner
        beat_s = None if self.heartbeats is None or owner is None else self.heartbeats.last_s(owner)
        if beat_s is None or trial.datetime_start is None or beat_s + PERIOD_S > self.clock():
            return None
        return max(0.0, beat_s + PERIOD_S - trial.datetime_start.timestamp())

    def end_dead(self) -> list[int]:
        """End the running attempts of dead owners as lost.

        Returns:
            Their trials' numbers.
        """
        return self._end_all(self.is_gone, Outcome("lost", reason="its worker ended without a word"))

    def end_lost(self, owner_pid: int, reason: str) -> list[int]:
        """End the running attempts of process `owner_pid` of this place, which has died for this reason, as lost.

        Returns:
            Their trials' numbers.
        """
        lost = Outcome("lost", reason=reason)
        return self._end_all(lambda owner: owner.is_near and owner.pid == owner_pid, lost)

    def end_running(self, number: int, outcome: Outcome) -> bool:
        """End a running attempt, whoever runs it; false if it has ended meanwhile."""
        trial = self.study.get_trials(deepcopy=False)[number]
        return not trial.state.is_finished() and self._end(optuna_private.trial_id_of(trial), outcome)

    def end_told(self, owner_pid: int) -> list[int]:
        """End the running attempts of process `owner_pid` of this place, which was ended by a signal, as given back."""
        return self._end_all(lambda owner: owner.is_near and owner.pid == owner_pid, returned())

    def give_back(self) -> None:
        """End the running attempts of this process as given back, for a worker that has to stop."""
        self._end_all(lambda owner: owner == self.owner, returned())

    def unknown(self) -> list[int]:
        """Return the numbers of running trials of which nobody can tell whether their process lives."""
        running = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state == TrialState.RUNNING]
        owners = [(trial.number, Attempt.of(trial).owner) for trial in running]
        return [number for number, owner in owners if owner is None or not (owner.is_near or self._beats(owner))]

    def settle(self, number: int) -> None:
        """End a running trial as lost, because the user says that its process is gone.

        Raises:
            QGTuneError: when there is no such trial, it does not run, or its process is known to live.
        """
        trials = self.study.get_trials(deepcopy=False)
        if number >= len(trials) or trials[number].state != TrialState.RUNNING:
            raise QGTuneError(f"Cannot settle trial {number}: it does not run.")
        owner = Attempt.of(trials[number]).owner
        if owner is not None and owner.is_near and not is_dead(owner):
            raise QGTuneError(f"Cannot settle trial {number}: process {owner.pid} runs it. Stop that first.")
        self._end(optuna_private.trial_id_of(trials[number]), Outcome("lost", reason="its user said that it was lost"))

    def _beats(self, owner: Owner) -> bool:
        """Say whether a process of another place shows that it lives."""
        return self.heartbeats is not None and self.heartbeats.know(owner) and not self.heartbeats.have_stopped(owner)

    def withdraw(self, trial_id: int) -> None:
        """End an attempt that must not run; stock Optuna shows it as failed."""
        reason = "it was created beyond the total, and did not run"
        self._end(trial_id, Outcome("withdrawn", reason=reason))

    def _end_all(self, which: Callable[[Owner], bool], outcome: Outcome) -> list[int]:
        def end() -> list[int]:
            running = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state == TrialState.RUNNING]
            found = [trial for trial in running if (owner := Attempt.of(trial).owner) is not None and which(owner)]
            return [trial.number for trial in found if self._end(optuna_private.trial_id_of(trial), outcome)]

        return exclusively(self.storage, end)

    def is_gone(self, owner: Owner) -> bool:
        """Say whether a process of this place has ended, or one of another place no longer shows that it lives."""
        if owner.is_near:
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
