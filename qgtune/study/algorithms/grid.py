"""Spaces that can be counted: the grid of all their points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.space.counting import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution

GRID = "optuna.samplers.GridSampler"
BRUTE_FORCE = "optuna.samplers.BruteForceSampler"
FINITE = (GRID, BRUTE_FORCE)
MAX_LISTED = 100_000
"""How many points of a grid, or values of a hyperparameter, Optuna's samplers may list: they do so for each trial."""


def with_grid(
    sampler: Mapping[str, Any] | None,
    distributions: Mapping[str, BaseDistribution],
    n_trials: int,
    seed: int | None = None,
    n_enqueued: int = 0,
    n_points: int | None = None,
) -> tuple[Mapping[str, Any] | None, int]:
    """Give a grid sampler the grid of the space, and bound the trials by the points that there are.

    Args:
        sampler: the `_target_` mapping of the sampler.
        distributions: the space, by name.
        n_trials: how many trials the user asked for.
        seed: the seed of the study. All workers have to shuffle the grid alike, or they would miss points: Optuna keeps
            a point's number only.
        n_points: how many points the space has, where that is not the product of its values.
        n_enqueued: how many trials run points that the user named, beside those of a grid.

    Returns:
        The mapping, with its `search_space` filled in for a grid; and the number of trials, at most that of the points
        where the sampler visits each point once.

    Raises:
        QGTuneError: with each hyperparameter that has no countable values, or too many of them; when a grid has too
            many points.
    """
    target = None if sampler is None else sampler.get("_target_")
    if sampler is None or target not in FINITE:
        return sampler, n_trials
    if target == GRID:
        sampler = {**sampler, "seed": seed or 0}
    given = sampler.get("search_space")
    values = _countable(distributions) if given is None else given
    n_of_grid = math.prod(map(len, values.values()))
    if target == GRID and n_of_grid > MAX_LISTED:
        raise QGTuneError(
            f"Cannot visit every point: the grid has {n_of_grid:,} of them, and Optuna lists them all. Give larger "
            f"steps or fewer choices, at most {MAX_LISTED:,} points, or take another sampler."
        )
    if given is not None:
        return sampler, min(n_trials, n_of_grid + n_enqueued)
    if n_points is None:
        n_points = n_of_grid + (n_enqueued if target == GRID else 0)
    if target == GRID:
        sampler = {**sampler, "search_space": {name: list(found) for name, found in values.items()}}
    return sampler, min(n_trials, n_points)


def _countable(distributions: Mapping[str, BaseDistribution]) -> dict[str, Sequence[Any]]:
    """Return every value of each distribution.

    Raises:
        QGTuneError: with each that has none which can be counted, or too many.
    """
    values = {name: values_of(distribution) for name, distribution in distributions.items()}
    way_out = "or take another sampler."
    problems = [
        f"Cannot visit every point: {name} is a continuous range. Give it a step or choices, {way_out}"
        if found is None
        else f"Cannot visit every point: {name} has {len(found):,} values, and Optuna lists them all. Give it a larger "
        f"step, at most {MAX_LISTED:,} values, {way_out}"
        for name, found in values.items()
        if found is None or len(found) > MAX_LISTED
    ]
    if problems:
        raise QGTuneError(*problems)
    return {name: found for name, found in values.items() if found is not None}
