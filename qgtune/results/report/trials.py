"""All trials as data for the page's table and for a trial's own view."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from optuna.distributions import CategoricalDistribution

from qgtune.results.recorded import differences
from qgtune.results.report.conclusions.gain import base_trial
from qgtune.results.report.excerpt import spread
from qgtune.results.report.figures.plot import KINDS
from qgtune.results.report.figures.timeline import worker_names
from qgtune.results.report.study_state import end_of, reason_of, sorted_by_value
from qgtune.space.paths import leaves_of
from qgtune.space.wording import choice_text, cut
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.results.report.conclusions import Known
    from qgtune.study.attempts.owner import Owner

MOST_ROWS = 5_000
MOST_CELLS = 100_000
MOST_CURVE_POINTS = 40_000
MOST_LEAVES = 12_000
MOST_DIFFERENCES = 40
LONGEST_TEXT = 200
TIME = "%Y-%m-%d %H:%M:%S"


def trial_data(known: Known, page: Path) -> tuple[dict[str, Any], str]:
    """Return the trials for the table: all, or of very many the best and the latest.

    Args:
        known: of the study.
        page: where the page will be, from which links lead.

    Returns:
        Plain data for the page's script, and which trials are shown; empty for all.
    """
    state = known.state
    names = list(known.space)
    most = max(200, min(MOST_ROWS, MOST_CELLS // (len(names) + 8)))
    trials = _some(known, most)
    workers = {owner: name for owner, (name, _) in worker_names(state.trials).items()}
    base = base_trial(known)
    data = {
        "objectives": list(state.objectives),
        "params": [_param(known, name) for name in names],
        "rows": [_row(known, trial, names, workers, page.parent) for trial in trials],
        "curves": _curves(trials),
        "configs": _configs(known, trials, base),
        "best": [trial.number for trial in state.best[:1]],
        "base": [base.number] if base is not None else [],
        "rerun": known.rerun(-1),
    }
    note = (
        ""
        if len(trials) == len(state.trials)
        else f"The table has {len(trials):,} of {len(state.trials):,} trials: the best and the latest."
    )
    return data, note


def _some(known: Known, most: int) -> list[FrozenTrial]:
    trials = known.state.trials
    if len(trials) <= most:
        return list(trials)
    best = sorted_by_value(known.state, known.state.completed)[: most // 2]
    latest = trials[len(trials) - (most - len(best)) :]
    found = {trial.number: trial for trial in [*best, *latest]}
    return [found[number] for number in sorted(found)]


def _param(known: Known, name: str) -> dict[str, Any]:
    distribution = known.space[name]
    choices = distribution.choices if isinstance(distribution, CategoricalDistribution) else None
    texts = None if choices is None else [cut(choice_text(choice), LONGEST_TEXT) for choice in choices]
    return {"name": name, "short": known.names[name], "choices": texts}


def _row(
    known: Known, trial: FrozenTrial, names: Sequence[str], workers: Mapping[Owner | None, str], folder: Path
) -> list[Any]:
    state = known.state
    kind = KINDS[trial.state][0]
    attempt = known.attempts[trial.number]
    started = trial.datetime_start
    seconds = None if started is None else round((end_of(trial, state.taken) - started).total_seconds(), 2)
    log = known.facts.log_of(trial.number) if started is not None else None
    return [
        trial.number,
        kind,
        [_number(value) for value in trial.values or ()] if kind in ("complete", "pruned") else [],
        seconds,
        "" if started is None else started.strftime(TIME),
        workers[attempt.owner],
        cut(reason_of(trial), LONGEST_TEXT) if kind == "failed" else "",
        [_value(trial, name, known) for name in names],
        "" if log is None else href(log, folder),
        attempt.repeats,
    ]


def _value(trial: FrozenTrial, name: str, known: Known) -> Any:
    """Return a number, the place of a choice, a text for a choice of an earlier sweep, or None."""
    value = trial.params.get(name)
    distribution = known.space[name]
    if value is None and name not in trial.params:
        return None
    if not isinstance(distribution, CategoricalDistribution):
        return _number(value)
    kind = isinstance(value, bool)
    places = (
        place
        for place, choice in enumerate(distribution.choices)
        if choice == value and isinstance(choice, bool) == kind
    )
    return next(places, cut(choice_text(value), LONGEST_TEXT))


def _number(value: Any) -> Any:
    """Return a number with six digits, as JSON can have it: one that is not finite is a text."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else str(value)


def href(path: Path, folder: Path) -> str:
    """Return a link from a page in a folder to a file: relative where it goes along when the folder is moved."""
    here, there = folder.absolute(), path.absolute()
    return quote(os.path.relpath(there, here)) if there.is_relative_to(here) else there.as_uri()


def _curves(trials: Sequence[FrozenTrial]) -> dict[int, list[list[Any]]]:
    told = [trial for trial in trials if trial.intermediate_values]
    most = max(10, MOST_CURVE_POINTS // max(len(told), 1))
    found = {trial.number: spread(sorted(trial.intermediate_values.items()), most) for trial in told}
    return {number: [[x for x, _ in points], [_number(y) for _, y in points]] for number, points in found.items()}


def _configs(known: Known, trials: Sequence[FrozenTrial], base: FrozenTrial | None) -> dict[int, Any]:
    """Return how trials' configs differ from the base settings' and the best trial's, of as many as are soon read."""
    best = known.state.best[0] if known.state.best else None
    others = {"base": base, "best": best}
    configs = {name: known.facts.config_of(trial) for name, trial in others.items() if trial is not None}
    configs = {name: config for name, config in configs.items() if config is not None}
    if not configs:
        return {}
    n_leaves = sum(1 for _ in leaves_of(next(iter(configs.values()))))
    found: dict[int, dict[str, list[str]]] = {}
    for trial in _first(known, trials, MOST_LEAVES // max(n_leaves, 1)):
        config = known.facts.config_of(trial)
        if config is not None:
            found[trial.number] = {name: _differences(other, config) for name, other in configs.items()}
    return found


def _first(known: Known, trials: Sequence[FrozenTrial], most: int) -> Iterator[FrozenTrial]:
    """Yield the trials whose configs are worth reading: the best, then the latest."""
    shown = {trial.number for trial in trials}
    best = [trial for trial in sorted_by_value(known.state, known.state.completed) if trial.number in shown][
        : most // 2
    ]
    taken = {trial.number for trial in best}
    yield from best
    yield from [trial for trial in reversed(trials) if trial.number not in taken][: max(most - len(best), 0)]


def _differences(before: Any, now: Any) -> list[str]:
    found = [cut(str(redact(line)), LONGEST_TEXT) for line in differences(before, now)]
    more = len(found) - MOST_DIFFERENCES
    return [*found[:MOST_DIFFERENCES], f"and {more} more"] if more > 0 else found
