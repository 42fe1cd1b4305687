"""What samplers make of hyperparameters that are not asked for in every trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.study.algorithms.grid import GRID
from qgtune.study.algorithms.names import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALONE = {f"optuna.samplers.{SAMPLERS[name]}": name for name in ("cmaes", "gp", "nsgaii", "nsgaiii", "qmc")}
_WARNS = {f"optuna.samplers.{SAMPLERS[name]}" for name in ("cmaes", "gp", "qmc")}


def for_conditions(sampler: Mapping[str, Any] | None) -> tuple[Mapping[str, Any] | None, str]:
    """Return a sampler for a space with conditions, and what to say of it; the empty text for nothing.

    Raises:
        QGTuneError: for a grid.
    """
    target = (sampler or {}).get("_target_")
    if sampler is None or target is None:
        return sampler, ""
    refuse_grid(sampler, "some hyperparameters are asked for only under conditions")
    if target in _WARNS:  # of each value of each trial; once is enough
        sampler = {"warn_independent_sampling": False, **sampler}
    name = _ALONE.get(target, "")
    if target.endswith(".TPESampler") and sampler.get("multivariate") and not sampler.get("group"):
        name = "tpe with multivariate=true and without group=true"
    said = f"hydra/sweeper/sampler={name} samples what is asked for only under conditions by itself, without regard "
    return sampler, f"{said}to the rest. The default, tpe, does so with all." if name else ""


def refuse_grid(sampler: Mapping[str, Any] | None, reason: str) -> None:
    """Refuse a grid, whose points are all combinations of all values.

    Raises:
        QGTuneError: with the reason.
    """
    if (sampler or {}).get("_target_") == GRID:
        raise QGTuneError(
            f"Cannot visit a grid: {reason}. Take hydra/sweeper/sampler=bruteforce, which visits every point there is."
        )
