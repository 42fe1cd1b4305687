"""A line in the log for each trial that ended."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from qgtune.study.attempts.attempt import Attempt
from qgtune.study.lifecycle import Lifecycle, OpenStudy

if TYPE_CHECKING:
    from optuna.trial import Trial

    from qgtune.study.outcome import Outcome

log = logging.getLogger("qgtune")


class TrialLines(Lifecycle):
    """Logs how each trial ended, and, where debug lines are shown, what it reported."""

    def reported(self, session: OpenStudy, trial: Trial, value: float, step: int) -> None:  # noqa: ARG002
        """Log the value."""
        log.debug("trial %d, step %d: %g", trial.number, step, value)

    def attempt_ended(self, session: OpenStudy, number: int, outcome: Outcome) -> None:
        """Log the values, or why there are none."""
        if session.limits.repeats is not None:
            _say_repeat(session, number, outcome)
        elif outcome.end == "paused":
            log.info("trial %d: %s, paused", number, session.objectives.text(outcome.values))
        elif outcome.values:
            log.info("trial %d: %s", number, session.objectives.text(outcome.values))
        elif outcome.end == "pruned":
            log.info("trial %d: pruned", number)
        elif outcome.end != "withdrawn":
            log.error("trial %d %s: %s", number, _SAID.get(outcome.end, outcome.end), outcome.reason)


_SAID = {"returned": "is given back"}


def _say_repeat(session: OpenStudy, number: int, outcome: Outcome) -> None:
    """Log how an attempt at a repeat ended, and its configuration if that has its end."""
    attempt = Attempt.of(session.study.get_trials(deepcopy=False)[number])
    name, place = attempt.name(number), attempt.place(number)
    if outcome.score is not None:
        log.info("trial %s: %s", place, session.objectives.text((outcome.score,)))
    elif outcome.end in ("measured", "pruned"):
        log.info("trial %s: pruned%s", place, f", since {outcome.reason}" if outcome.reason else "")
    elif outcome.end != "withdrawn":
        log.error("trial %s %s: %s", place, _SAID.get(outcome.end, outcome.end), outcome.reason)
    if outcome.end == "complete":
        log.info("trial %d: %s (%s)", name, session.objectives.text(outcome.values), outcome.measured)
    elif outcome.end == "pruned":
        log.info("trial %d: pruned%s", name, f", {outcome.reason}" if outcome.reason else "")
