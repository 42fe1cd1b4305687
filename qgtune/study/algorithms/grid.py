"""Spaces that can be counted: the grid of all their points."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.space.counting import values_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution

GRID = "optuna.samplers.GridSampler"
BRUTE_FORCE = "optuna.samplers.BruteForceSampler"
FINITE = (GRID, BRUTE_FORCE)


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
        QGTuneError: with each hyperparameter of a grid that has no countable values.
    """
    target = None if sampler is None else sampler.get("_target_")
    if sampler is None or target not in FINITE:
        return sampler, n_trials
    if target == GRID:
        sampler = {**sampler, "seed": seed or 0}
    if sampler.get("search_space") is not None:
        return sampler, min(n_trials, math.prod(map(len, sampler["search_space"].values())) + n_enqueued)
    values = {name: values_of(distribution) for name, distribution in distributions.items()}
    problems = [
        f"Cannot visit every point: {name} is a continuous range. Give it a step or choices, or take another sampler."
        for name, found in values.items()
        if found is None
    ]
    if problems:
        raise QGTuneError(*problems)
    grid = {name: list(found) for name, found in values.items() if found is not None}
    if n_points is None:
        n_points = math.prod(map(len, grid.values())) + (n_enqueued if target == GRID else 0)
    return ({**sampler, "search_space": grid} if target == GRID else sampler), min(n_trials, n_points)
