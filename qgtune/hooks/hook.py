"""The base class of hooks, and what they are given. Hydra apps import this file: keep it light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

State = Literal["running", "complete", "pruned", "paused", "failed", "returned", "lost"]
"""How an attempt stands.

`paused` has reached its rung, and may go on in another attempt; `failed` is the function's own doing; `returned` was
given back by a signal, and runs again; the process of a `lost` one died, or was ended, and it may run again.
"""


@dataclass(frozen=True, slots=True)
class SweepInfo:
    """A sweep.

    Attributes:
        id: eight letters and digits, the study's for good: a sweep that goes on with it has them, too.
        study_name: the study's name, which studies elsewhere may have, too.
        folder: the sweep folder, absolute.
        directions: `minimize` or `maximize`, one an objective.
        objectives: what the objectives are called; `value` for one without a name.
        hyperparameters: the paths that may be tuned; a trial has those that exist beside its other values.
        n_trials: the total that the study is to reach.
        counts: how many trials are `complete`, `pruned`, `failed` and `running`; known at the sweep's start and end.
        best: the best trial, or the trials of the Pareto front; only known when the sweep ends.
        failure: why the sweep ended without reaching what it was to reach; empty if it did, or has not ended.
    """

    id: str
    study_name: str
    folder: Path
    directions: tuple[str, ...]
    objectives: tuple[str, ...]
    hyperparameters: tuple[str, ...]
    n_trials: int
    counts: Mapping[str, int] = field(default_factory=dict)
    best: tuple[TrialInfo, ...] = ()
    failure: str = ""

    @property
    def metrics(self) -> dict[str, float]:
        """The counts as `n_<state>`, and the best values of a study of one objective as `best_<objective>`."""
        counts = {f"n_{state}": float(n) for state, n in self.counts.items()}
        best = self.best[0].values if len(self.objectives) == 1 and self.best else {}
        return counts | {f"best_{name}": value for name, value in best.items()}


@dataclass(frozen=True, slots=True)
class TrialInfo:
    """An attempt at a trial.

    Attributes:
        sweep: the sweep that it belongs to.
        number: its number in the study, also the name of its folder unless `hydra.sweep.subdir` gives another.
        configuration: the number of the first attempt at the same configuration: its own, unless it runs one again.
        turn: the how many-th repetition it is; 0 for a first attempt.
        state: how it stands.
        params: its hyperparameters by path, as the config has them.
        folder: its job's folder, absolute; None where this process does not know it.
        started: when it started, with a time zone; None if it has not.
        duration_s: how long it took, in seconds; None until it has ended.
        values: the objectives' values by name; empty unless it completed or paused.
        reports: what it reported, by step; empty until it has ended.
        constraints: by how much it violates each constraint; zero or less is fine.
        reason: why it did not succeed, one line; empty if it did.
    """

    sweep: SweepInfo
    number: int
    configuration: str
    turn: int
    state: State
    params: Mapping[str, Any]
    folder: Path | None = None
    started: datetime | None = None
    duration_s: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    reports: Mapping[int, float] = field(default_factory=dict)
    constraints: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""

    @property
    def metrics(self) -> dict[str, float]:
        """The values, the constraints as `constraint.<name>`, and `duration_s`."""
        constraints = {f"constraint.{name}": value for name, value in self.constraints.items()}
        duration = {} if self.duration_s is None else {"duration_s": self.duration_s}
        return {**duration, **constraints, **self.values}


class Hook:
    """What is told of a sweep: override what you want to know; each method does nothing by itself.

    Each process of a sweep builds a hook of its own, as `hydra.utils.instantiate` does, and calls it in a thread of its
    own, one call after the other in the order of the events. No function waits for that; a worker that has ended an
    attempt gives its hooks up to 10 seconds before it asks for the next, since that might take the process along.

    `sweep_started` and `sweep_ended` are called in the process that runs the sweep, before the first worker starts and
    after the last one; the others in the worker, but for the end of an attempt whose worker is gone: the process that
    noticed tells of that. Each call brings all that there is to know.

    What a method raises is a warning, once a sweep, and costs no trial anything.

    Attributes:
        timeout_s: how long a call may take. A sweep goes on without a hook that takes longer.
    """

    timeout_s: ClassVar[float] = 60.0

    def sweep_started(self, sweep: SweepInfo) -> None:
        """All is checked, and no attempt of this sweep has started."""

    def trial_started(self, trial: TrialInfo) -> None:
        """An attempt has its values and its folder; its function is called next."""

    def trial_reported(self, trial: TrialInfo, value: float, step: int) -> None:
        """The function of an attempt reported a value at a step. It may be NaN or infinite."""

    def trial_ended(self, trial: TrialInfo) -> None:
        """An attempt has ended, for whatever reason; one that got no values has not started before."""

    def new_best(self, trial: TrialInfo) -> None:
        """A trial became the best of a study of one objective; it may be superseded already."""

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """The sweep is over, for whatever reason."""

    def close(self) -> None:
        """This process has nothing more to tell: let go of what is open."""
