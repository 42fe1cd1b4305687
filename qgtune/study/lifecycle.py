"""A study's life, as features see it: each feature is a subclass of `Lifecycle` in a file of its own."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from optuna.trial import Trial

from qgtune.errors import first_line
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import ends_configuration
from qgtune.study.costs.permits import Permits
from qgtune.study.costs.spent import ALONG
from qgtune.study.optuna_private import storage_of, trial_id_of
from qgtune.study.storages.opening import batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.ledger import Ledger
    from qgtune.study.attempts.limits import Limits
    from qgtune.study.objectives import Objectives
    from qgtune.study.outcome import Outcome

log = logging.getLogger("qgtune")


class OpenStudy(Protocol):
    """What a feature may do with the study: a session, seen from here."""

    study: optuna.Study
    limits: Limits
    objectives: Objectives
    features: Sequence[Lifecycle]

    def refresh(self) -> Ledger:
        """Bring the tally up to date."""

    def enqueue(self, points: Sequence[Mapping[str, Any]], base: Mapping[str, Any] | None = None) -> bool:
        """Add points that are run before any that is sampled."""


class Lifecycle:
    """What a feature is told; it overrides what it wants to know, and is given to the sessions that shall tell it.

    A sweep starts and ends in the process that starts its workers. The rest is told where it happens: in the worker,
    or, of an attempt whose worker is gone, in the process that ended it. Features travel to workers: they pickle.
    """

    def sweep_started(self, session: OpenStudy) -> None:
        """All is checked and the study is open; no attempt of this sweep has started."""

    def attempt_started(self, session: OpenStudy, trial: Trial) -> None:
        """An attempt of this process has its number, and no values yet."""

    def attempt_runs(self, session: OpenStudy, trial: Trial, folder: Path) -> None:
        """An attempt of this process has its values, its record and its job's folder; its function is called next."""

    def reported(self, session: OpenStudy, trial: Trial, value: float, step: int) -> None:
        """The function of an attempt of this process reported a value at a step."""

    def attempt_ended(self, session: OpenStudy, number: int, outcome: Outcome) -> None:
        """An attempt has its end in the study."""

    def new_best(self, session: OpenStudy, trial: FrozenTrial) -> None:
        """A trial of this process became the best of a study of one objective; it may be superseded already."""

    def sweep_ended(self, session: OpenStudy) -> None:
        """All workers have ended, the total is reached or not."""

    def worker_ended(self, session: OpenStudy, *, is_stopped: bool) -> None:
        """A worker of this process asks for no more attempts; a signal stopped it, or not."""

    def sweep_closed(self, session: OpenStudy, failure: str) -> None:
        """The sweep is over, whether it ended as it should or, for this reason, did not: nothing comes after this."""


def tell(features: Sequence[Lifecycle], event: Callable[[Lifecycle], None]) -> None:
    """Tell each feature of an event. What goes wrong in one is logged: no trial suffers for it."""
    for feature in features:
        try:
            event(feature)
        except Exception:
            log.exception("%s failed", type(feature).__name__)


@contextmanager
def closing(session: OpenStudy) -> Iterator[None]:
    """Tell the features of a session that its sweep is over once what is done inside is, or has raised."""
    failure = ""
    try:
        yield
    except BaseException as error:
        failure = "interrupted" if isinstance(error, SystemExit) else first_line(error, type(error).__name__)
        raise
    finally:
        tell(session.features, lambda feature: feature.sweep_closed(session, failure))


class ToldTrial(Trial):
    """Optuna's trial, whose reports are told to the features of its session, and which knows earlier attempts at it."""

    def __init__(self, session: OpenStudy, trial_id: int) -> None:
        super().__init__(session.study, trial_id)
        self._told: OpenStudy | None = session
        self._attempt = Attempt.of(self._cached_frozen_trial)
        self._earlier: dict[int, float] | None = None if self._attempt.repeats is not None else {}
        self._has_reported = False
        budget = session.limits.budget
        has_epochs = budget is not None and budget.epochs is not None
        self._permits = Permits(session.study, session.limits, trial_id) if has_epochs else None
        self._steps: set[int] = set()
        self._is_over = False

    @property
    def first(self) -> int:
        """The number of the first attempt at this configuration."""
        return self._attempt.first(self.number)

    @property
    def rung(self) -> int | None:
        """Up to which rung it runs; None where there are none."""
        return self._attempt.rung

    @property
    def replicate(self) -> str:
        """Which of its configuration's repeats it is, by name; empty where there are none."""
        return self._attempt.replicate

    @property
    def place(self) -> str:
        """What its configuration, or its repeat of that, is called in names of folders: `7`, `7/seed=1`."""
        return self._attempt.place(self.number)

    @property
    def earlier_reports(self) -> dict[int, float]:
        """What earlier attempts at this configuration, or at this repeat of it, reported, by step."""
        if self._earlier is None:
            self._earlier = {}
            for trial in self.study.get_trials(deepcopy=False)[: self.number]:
                if Attempt.of(trial).place(trial.number) == self.place:
                    self._earlier.update(trial.intermediate_values)
        return self._earlier

    def _is_decided(self) -> bool:
        """Say whether another repeat has ended its configuration."""
        if not self.replicate or (session := self._told) is None:
            return False
        others = self.study.get_trials(deepcopy=False)[self.first :]
        of_mine = [trial for trial in others if Attempt.of(trial).first(trial.number) == self.first]
        return any(ends_configuration(trial, session.limits) for trial in of_mine)

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value, as `optuna.Trial` does.

        An attempt that starts at a later step than 0 goes on where an earlier one stopped: it takes along what that one
        reported before, so that pruners and plots see one curve. Once the study's budget of steps is spent, nothing is
        reported, and the attempt is to be pruned.
        """
        if self._permits is not None and step not in self._steps:
            if self._is_over or not self._permits.take():
                self._is_over = True
                log.info("trial %d ends: the budget of epochs is spent", self.number)
                return
            self._steps.add(step)
        if step > 0:
            self.take_along(step)
        self._has_reported = True
        super().report(value, step)
        if (session := self._told) is not None:
            tell(session.features, lambda feature: feature.reported(session, self, value, step))

    def should_prune(self) -> bool:
        """Say whether it is to end here: because of the pruner, the study's budget, or another repeat's end."""
        return self._is_over or super().should_prune() or self._is_decided()

    def take_along(self, before: int | None = None) -> None:
        """Take along what earlier attempts reported, if this one has reported nothing yet.

        Args:
            before: the step that this one starts at; None for one that had nothing left to do.
        """
        if self._has_reported:
            return
        self._has_reported = True
        along = {step: value for step, value in self.earlier_reports.items() if before is None or step < before}
        if not along:
            return
        with batch(storage_of(self.study)):
            storage_of(self.study).set_trial_user_attr(trial_id_of(self), ALONG, len(along))
            for step, value in sorted(along.items()):
                super().report(value, step)

    def __getstate__(self) -> dict[str, Any]:
        """Travel without the session, which belongs to one process."""
        return {**self.__dict__, "_told": None, "_permits": None}
