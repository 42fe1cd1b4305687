"""The loop of a worker: ask for a trial, run it, record how it ended, until the study is done."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import optuna

from qgtune.study.attempts.limits import Stop
from qgtune.study.outcome import failed, outcome_of, returned

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgtune.study.outcome import Outcome
    from qgtune.study.session import Session

log = logging.getLogger("qgtune")
WAITS_S = {"paused": 0.5, "soon": 0.1}
"""How long to wait before asking again, by why there is no trial for now."""


def run_trials(
    session: Session,
    run_one: Callable[[optuna.Trial], Outcome],
    is_stopped: Callable[[], bool],
    n_most: int | None = None,
) -> Stop:
    """Run trials one after the other.

    What an interrupt leaves half held is for the caller to abandon, once no other thread of its process runs trials.

    Args:
        session: the study.
        run_one: runs a held trial and says how it ended; what it raises goes on to the caller, once the trial is
            marked failed.
        is_stopped: whether a signal asked for no more trials.
        n_most: how many trials to run at most; None means no limit.

    Returns:
        Why it asked for no more.
    """
    n_trials = 0
    try:
        while not is_stopped():
            trial = session.next_trial()
            if isinstance(trial, Stop) and trial.why in WAITS_S:
                time.sleep(WAITS_S[trial.why])
                continue
            if not isinstance(trial, optuna.Trial):
                return trial
            _run(session, trial, run_one)
            n_trials += 1
            if n_trials == n_most and not is_stopped():
                session.refresh()
                session.tell_new_best()
                return Stop("full")
    except KeyboardInterrupt:
        pass
    return Stop("interrupted")


def _run(session: Session, trial: optuna.Trial, run_one: Callable[[optuna.Trial], Outcome]) -> None:
    outcome = failed("its end was not seen")
    try:
        outcome = run_one(trial)
    except KeyboardInterrupt:
        outcome = returned()
        raise
    except BaseException as error:  # no trial is worth more than itself, and none may come back for ever
        outcome = outcome_of(error)
        log.exception("trial %d failed: %s", trial.number, outcome.reason)
    finally:
        session.finish(trial, outcome)
