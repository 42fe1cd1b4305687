"""All figures of a study, by the section that they belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgtune.results.report.figures.curves import curves
from qgtune.results.report.figures.front import front
from qgtune.results.report.figures.history import history
from qgtune.results.report.figures.importances import importance_plots
from qgtune.results.report.figures.parallel import parallel
from qgtune.results.report.figures.slices import slices
from qgtune.results.report.figures.timeline import timeline

if TYPE_CHECKING:
    from qgtune.results.report.conclusions import Known
    from qgtune.results.report.figures.plot import Plots

MOST_OBJECTIVES = 4


def drawn(known: Known) -> dict[str, Plots]:
    """Draw what a study has to show, in the order in which it is read."""
    state = known.state
    objectives = range(min(len(state.directions), MOST_OBJECTIVES))
    found = {"front": front(state)} if state.is_multi_objective else {}
    found |= {
        "history": history(state, objectives),
        "importances": importance_plots(known, objectives),
        "slices": slices(known, objectives),
        "parallel": parallel(known),
    }
    if not state.is_multi_objective:  # Optuna takes no intermediate values of several objectives
        found["intermediate"] = curves(state)
    return found | {"timeline": timeline(state)}
