"""The folders that configurations keep between attempts: which of them nobody needs any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.trial import TrialState

from qgtune.live import MARK
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import ends_configuration, is_feasible
from qgtune.study.objectives import Objectives, is_better

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial

    from qgtune.results.kept import Kept
    from qgtune.study.attempts.limits import Limits


def removable(folder: Path, study: optuna.Study, kept: Kept, limits: Limits) -> Iterator[Path]:
    """Yield the checkpoint folders of finished trials that are not kept.

    Those of trials that run, have paused, or run again are none; nor is any folder that
    `qgtune.checkpoint_dir` has not made for this study.

    Args:
        folder: where they are.
        study: whose trials they belong to.
        kept: which stay.
        limits: says what is run again.
    """
    finished = _finished(study.get_trials(deepcopy=False), limits)
    stay = _best(finished, study, kept.best)
    if kept.last and finished:
        stay.add(max(finished, key=lambda first: finished[first].datetime_complete or finished[first].datetime_start))  # type: ignore[arg-type, return-value]
    for first in finished.keys() - stay:
        found = folder / str(first)
        marks = [found / MARK, *found.glob(f"*/{MARK}")]  # each repeat of a configuration has a folder in its own
        if any(mark.is_file() and mark.read_text(encoding="utf-8") == study.study_name for mark in marks):
            yield found


def _finished(trials: Sequence[FrozenTrial], limits: Limits) -> dict[int, FrozenTrial]:
    """Return the attempts that ended their configurations, by the numbers of the first ones, where none runs."""
    last_of: dict[int, FrozenTrial] = {}
    running: set[int] = set()
    for trial in trials:
        attempt = Attempt.of(trial)
        first, is_end = attempt.first(trial.number), ends_configuration(trial, limits)
        if attempt.counts and (is_end or not attempt.replicate):
            last_of[first] = trial
        if trial.state == TrialState.RUNNING:
            running.add(first)
    over = {first: trial for first, trial in last_of.items() if ends_configuration(trial, limits)}
    return {first: trial for first, trial in over.items() if first not in running}


def _best(finished: dict[int, FrozenTrial], study: optuna.Study, count: int) -> set[int]:
    complete = [(first, trial) for first, trial in finished.items() if trial.state == TrialState.COMPLETE]
    fitting = [(first, tuple(trial.values)) for first, trial in complete if is_feasible(trial)]
    maximize = Objectives.of(study).maximize
    if len(maximize) == 1:
        return {first for first, _ in sorted(fitting, key=lambda pair: pair[1][0], reverse=maximize[0])[:count]}
    return {
        first
        for first, values in fitting
        if count and not any(is_better(other, values, maximize) for _, other in fitting)
    }


def size_of(folder: Path) -> int:
    """Return how many bytes a folder holds."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
