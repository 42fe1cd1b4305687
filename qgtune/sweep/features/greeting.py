"""What a sweep says first."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qgtune.study.attempts.limits import of_total
from qgtune.study.costs.budget import UNBOUNDED
from qgtune.study.lifecycle import Lifecycle, OpenStudy

if TYPE_CHECKING:
    from qgtune.study.repeats.setting import Repeats

log = logging.getLogger("qgtune")


@dataclass(frozen=True)
class Greeting(Lifecycle):
    """Says how far the study is, and which way is better: a wrong direction is seen at once.

    Attributes:
        n_hyperparameters: how many are tuned.
    """

    n_hyperparameters: int

    def sweep_started(self, session: OpenStudy) -> None:
        """Log one line."""
        name, n_trials, n_finished = session.study.study_name, session.limits.n_trials, session.refresh().finished
        aims = ", ".join(dict.fromkeys(session.objectives.directions))
        if n_finished >= n_trials:
            text = "Study %r, %s, is finished: %d of %d trials. Raise hydra.sweeper.n_trials to go on."
            log.info(text, name, aims, n_finished, n_trials)
        elif n_finished:
            log.info("Study %r, %s, goes on: %s are there.", name, aims, of_total(n_finished, n_trials))
        else:
            total = "as many trials as the budget allows" if n_trials >= UNBOUNDED else f"{n_trials} trials"
            log.info("Study %r, %s: %s over %d hyperparameters.", name, aims, total, self.n_hyperparameters)
        if (repeats := session.limits.repeats) is not None and n_finished < n_trials:
            log.info(
                "Each runs with %s; the %s counts.%s", ", ".join(repeats.names), repeats.reduce, _undecided(repeats)
            )


def _undecided(repeats: Repeats) -> str:
    """Say so where no configuration can be given up early though that was asked for."""
    if repeats.n_to_decide is not None or not repeats.p:
        return ""
    return f" None is given up early: p={repeats.p:g} takes more than {len(repeats.values) - 1} of them."
