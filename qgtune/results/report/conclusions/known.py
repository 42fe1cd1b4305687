"""What the rules start from, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from qgtune.results.report.conclusions.importance import Importances, importances
from qgtune.space.wording import short_names
from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

    from qgtune.results.report.facts import Facts
    from qgtune.results.report.study_state import StudyState


@dataclass(frozen=True, slots=True)
class Conclusion:
    """One thing that a study says.

    Attributes:
        text: a plain sentence, or two.
        command: a line for the shell that goes on from there; empty where the study lies in no sweep folder.
    """

    text: str
    command: str = ""


@dataclass(frozen=True)
class Known:
    """What is known of a study.

    Attributes:
        state: the study at one moment.
        facts: what is known beside it.
    """

    state: StudyState
    facts: Facts

    @cached_property
    def importances(self) -> tuple[Importances | None, ...]:
        """How much each hyperparameter matters, for each objective; None where nothing can be said."""
        n_objectives = len(self.state.directions)
        return tuple(importances(self.state.trials, index) for index in range(n_objectives))

    @cached_property
    def attempts(self) -> Mapping[int, Attempt]:
        """The attempts by their trials' numbers."""
        return {trial.number: Attempt.of(trial) for trial in self.state.trials}

    @cached_property
    def finished(self) -> list[FrozenTrial]:
        """The trials that came to a value or were pruned."""
        return [trial for trial in self.state.trials if self.attempts[trial.number].end in ("complete", "pruned")]

    @cached_property
    def space(self) -> Mapping[str, BaseDistribution]:
        """The distributions by hyperparameter: of each the latest one that a trial drew from."""
        return {path: found for trial in self.state.trials for path, found in trial.distributions.items()}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The shortest name of each hyperparameter that tells it from the others."""
        return short_names(list(self.space))

    def resume(self, *overrides: str) -> str:
        """Return the command that goes on with the study; empty where it cannot be resumed."""
        return self.facts.command("resume", *overrides) if self.facts.can_resume else ""

    def rerun(self, number: int) -> str:
        """Return the command that runs a trial again; empty where that is not possible."""
        return self.facts.command("rerun", "--trial", str(number)) if self.facts.is_recorded else ""

    def more_trials(self, share: float) -> str:
        """Return the override that adds this share of the trials that ended, and at least one."""
        attempts = self.attempts.values()
        n_ended = sum(one.end is not None and one.end != "withdrawn" and one.repeats is None for one in attempts)
        return f"hydra.sweeper.n_trials={n_ended + max(1, round(share * n_ended))}"
