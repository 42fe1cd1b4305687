"""The plots as PNG pictures.

Drawn with Optuna's matplotlib functions: plotly's own pictures need a browser on the machine, which a cluster's nodes
do not have.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import optuna.visualization.matplotlib as optuna_plots
from matplotlib.patches import Patch
from optuna.importance import PedAnovaImportanceEvaluator

from qgtune.results.report.excerpt import Excerpt, drawable, optuna_quiet
from qgtune.results.report.figures import KINDS, MOST_POINTS
from qgtune.results.report.plots import MOST_LINES, MOST_SLICES, curves
from qgtune.results.report.study_state import StudyState, read_state, sorted_by_value
from qgtune.results.report.workers import Bar, bars, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import optuna
    from optuna.trial import FrozenTrial, TrialState

DOTS_PER_INCH = 150


def draw(study: optuna.Study, folder: Path) -> list[Path]:
    """Draw what the study has to show, and return the pictures' paths."""
    study_state = read_state(study)
    written = []
    with optuna_quiet(), _headless(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls these plots experimental, and says what it leaves out
        for name, plot in _plots(study_state):
            path = folder / f"{name}.png"
            if _drawn(plot, path):
                written.append(path)
    return written


def _drawn(plot: Callable[[], Any], path: Path) -> bool:
    """Draw one picture; a plot that has too little to show gives none."""
    plt.close("all")
    try:
        plot()
    except (ValueError, RuntimeError):
        return False
    plt.gcf().savefig(path, dpi=DOTS_PER_INCH, bbox_inches="tight")
    plt.close("all")
    return True


def _plots(study_state: StudyState) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the pictures' names and what draws them."""
    completed = study_state.completed
    if completed:
        yield from _of_objectives(study_state, completed)
    if len(study_state.directions) in (2, 3) and completed:
        names = [literal(name) for name in study_state.objectives]
        yield "pareto_front", lambda: optuna_plots.plot_pareto_front(_study(study_state, completed), target_names=names)
    told = [trial for trial in study_state.trials if trial.intermediate_values]
    if told and not study_state.is_multi_objective:
        yield (
            "intermediate_values",
            lambda: optuna_plots.plot_intermediate_values(_study(study_state, curves(study_state, told))),
        )
    if found := bars(study_state):
        yield "workers", lambda: _timeline(found)


def _of_objectives(
    study_state: StudyState, completed: Sequence[FrozenTrial]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    by_value = sorted_by_value(study_state, completed)
    points, lines = (_by_number(by_value[:most]) for most in (MOST_POINTS, MOST_LINES))
    names = list({name: None for trial in points for name in trial.params})[:MOST_SLICES]
    for index, objective in enumerate(study_state.objectives):
        suffix = f"_{index}" if study_state.is_multi_objective else ""
        target = _target(study_state, index, objective)
        study = _study(study_state, study_state.trials)
        yield f"optimization_history{suffix}", _call(optuna_plots.plot_optimization_history, study, target)
        if not names:
            continue
        arguments = {**target, "evaluator": PedAnovaImportanceEvaluator()}
        yield (
            f"importances{suffix}",
            _call(optuna_plots.plot_param_importances, _study(study_state, completed), arguments),
        )
        study = _study(study_state, lines)
        yield f"parallel_coordinates{suffix}", _call(optuna_plots.plot_parallel_coordinate, study, target)
        study = _study(study_state, points)
        arguments = {**target, "params": [literal(name) for name in names]}
        yield f"slices{suffix}", _call(_slices, study, arguments)


def _slices(study: optuna.Study, **arguments: Any) -> None:
    """Draw slices as Optuna does, but as wide as they need to be."""
    optuna_plots.plot_slice(study, **arguments)
    plt.gcf().set_size_inches(max(6.4, 2.6 * len(arguments["params"])), 4.8)
    for axes in plt.gcf().axes:
        axes.tick_params("x", rotation=30)


def _call(function: Callable[..., Any], study: optuna.Study, arguments: dict[str, Any]) -> Callable[[], Any]:
    return lambda: function(study, **arguments)


def _target(study_state: StudyState, index: int, objective: str) -> dict[str, Any]:
    name = literal(objective)
    if not study_state.is_multi_objective:
        return {"target_name": name}
    return {"target": lambda trial: trial.values[index], "target_name": name}


def _study(study_state: StudyState, trials: Sequence[FrozenTrial]) -> Excerpt:
    return Excerpt(study_state.directions, drawable(trials, literal))


def _by_number(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    return sorted(trials, key=lambda trial: trial.number)


def literal(text: str) -> str:
    """Return a text as matplotlib shows it literally: what stands between two `$` is a formula to it."""
    return text.replace("$", r"\$")


def _timeline(found: Sequence[Bar]) -> None:
    rows = {worker: place for place, worker in enumerate(rows_of(found))}
    first = min(bar.start for bar in found)
    _, axes = plt.subplots(figsize=(10, 1.5 + 0.35 * len(rows)))
    axes.barh(
        [rows[bar.worker] for bar in found],
        [max(bar.seconds, 0.001) for bar in found],
        left=[(bar.start - first).total_seconds() for bar in found],
        color=[_colour(bar.state) for bar in found],
        edgecolor="grey",
        linewidth=0.5,
        hatch=["" if bar.repeats is None else "//" for bar in found],
    )
    axes.set_yticks(list(rows.values()), [literal(worker) for worker in rows])
    axes.invert_yaxis()
    axes.set_xlabel(f"Seconds since {first:%Y-%m-%d %H:%M:%S}")
    states = list(dict.fromkeys(bar.state for bar in found))
    patches = [Patch(color=_colour(state), label=KINDS[state][0]) for state in states]
    axes.legend(handles=patches, ncols=len(states), loc="lower left", bbox_to_anchor=(0, 1))


def _colour(state: TrialState) -> tuple[float, float, float]:
    red, green, blue = KINDS[state][1].removeprefix("rgb(").removesuffix(")").split(",")
    return int(red) / 255, int(green) / 255, int(blue) / 255


@contextmanager
def _headless() -> Iterator[None]:
    """Draw without a window, whatever the process draws with otherwise."""
    before = mpl.get_backend()
    plt.switch_backend("agg")
    try:
        with mpl.rc_context():
            yield
    finally:
        plt.close("all")
        plt.switch_backend(before)
