"""What a sweep says first."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from qgtune.study.lifecycle import Lifecycle, OpenStudy

log = logging.getLogger("qgtune")


@dataclass(frozen=True)
class Greeting(Lifecycle):
    """Says how far the study is.

    Attributes:
        n_hyperparameters: how many are tuned.
    """

    n_hyperparameters: int

    def sweep_started(self, session: OpenStudy) -> None:
        """Log one line."""
        name, n_trials, n_finished = session.study.study_name, session.limits.n_trials, session.refresh().finished
        if n_finished >= n_trials:
            text = "Study %r is finished: %d of %d trials. Raise hydra.sweeper.n_trials to go on."
            log.info(text, name, n_finished, n_trials)
        elif n_finished:
            log.info("Study %r goes on: %d of %d trials are there.", name, n_finished, n_trials)
        else:
            log.info("Study %r: %d trials over %d hyperparameters.", name, n_trials, self.n_hyperparameters)
