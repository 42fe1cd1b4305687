"""When a study ends, and what a worker that asks for a trial is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qgtune.study.costs.budget import UNBOUNDED, Budget

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.promotion import Fidelity
    from qgtune.study.repeats.setting import Repeats


def of_total(n_done: int, n_trials: int) -> str:
    """Return `12 of 20 trials`; where the budget ends the study, `12 trials`."""
    return f"{n_done} trials" if n_trials >= UNBOUNDED else f"{n_done} of {n_trials} trials"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a study ends.

    Attributes:
        n_trials: the total of finished trials (complete, pruned, and failures that are not retried).
        max_retries: how often a trial that was lost is tried again; one that was given back always is.
        retry_exceptions: whether a trial whose function raised is tried again, too.
        max_failure_rate: the share of this run's finished trials that may fail, in [0, 1], before the study stops.
        n_first: how many trials of this run may all fail from the start before the study stops.
        n_before: how many trials the study had when this run started. Their failures are no reason to stop: whoever
            starts again has mended something.
        deadline_s: the time, in seconds since the epoch, after which no trial starts; None means no limit.
        maximize: for each objective whether higher values are better.
        stop_at: the value at which, or beyond which, the objective is good enough; None means never.
        stop_after_no_improvement: how many finished trials without a new best one are enough; None means no limit.
        trial_timeout_s: how long an attempt may run; None means no limit.
        stall_timeout_s: how long an attempt may go without a report; None means no limit.
        fidelity: how far configurations run before it is decided who goes on; None runs each to its end.
        budget: what it may cost; None means no limit.
        timeout_grace_s: how long after the deadline running trials are given back; None lets them finish.
        repeats: how often each configuration runs, and what counts of it; None for once.
    """

    n_trials: int
    max_retries: int = 1
    retry_exceptions: bool = False
    max_failure_rate: float = 1.0
    n_first: int = 3
    n_before: int = 0
    deadline_s: float | None = None
    maximize: tuple[bool, ...] = (False,)
    stop_at: float | None = None
    stop_after_no_improvement: int | None = None
    trial_timeout_s: float | None = None
    stall_timeout_s: float | None = None
    timeout_grace_s: float | None = None
    fidelity: Fidelity | None = None
    repeats: Repeats | None = None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start a trial.

    Attributes:
        again: the latest attempt at a trial that is to be run again; None for a new trial.
        waiting: an enqueued trial to take; None for none.
        replicate: another repeat of the configuration of `again` that is to be run, rather than that one; empty for
            none.
    """

    again: FrozenTrial | None = None
    waiting: FrozenTrial | None = None
    replicate: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """Start no trial.

    Attributes:
        why: `done` (the total is reached), `busy` (it will be, once the running trials end), `timeout`, `enough` (it
            is good enough, or gets no better), `failures`, `full` (this worker has run as many as it may), `paused`
            (for now), `leaves` (there are to be fewer workers), `interrupted` (a signal came), or `soon` (a
            configuration has repeats to run as soon as its values are drawn).
        message: the reason in words, for `enough` and `failures`.
    """

    why: Literal["done", "busy", "timeout", "enough", "failures", "full", "paused", "leaves", "interrupted", "soon"]
    message: str = ""
