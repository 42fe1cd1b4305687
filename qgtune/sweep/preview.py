"""`dry_run`: what a sweep would do, shown and not done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qgtune.results.recorded import recorded
from qgtune.space.conditions import in_words
from qgtune.space.reading.yaml_files import dump_yaml
from qgtune.space.wording import words
from qgtune.study.costs.budget import UNBOUNDED
from qgtune.study.opening import open_session
from qgtune.sweep.compose.arguments import option_text
from qgtune.sweep.rehearsal import share_satisfying
from qgtune.sweep.workers.job import set_job

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.plan import Plan

PIPE_WIDTH = 200  # columns where there is no terminal: nothing is folded that a reader may search for


def show(plan: Plan) -> None:
    """Print the space, the dependencies, what stays fixed and the first sampled config; write nothing."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPE_WIDTH)
    composition = plan.composition
    for table in (_space(plan), _dependencies(composition), _fixed(composition)):
        if table.row_count:
            console.print(table)
    for line in _sentences(plan):
        console.print(Text(line))
    for warning in composition.warnings:
        console.print(Text(f"Warning:   {warning}"))
    console.print(Text(f"\nThe first sampled config:\n\n{_first_config(plan)}"), soft_wrap=True, end="")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add(table: Table, *cells: Any) -> None:
    table.add_row(*(Text(str(cell)) for cell in cells))


def _space(plan: Plan) -> Table:
    composition = plan.composition
    table = _table("Search space", "path", "distribution", "base value", "written in")
    for group in composition.groups:
        _add(
            table,
            group.path,
            words(group.distribution),
            composition.master.hydra.runtime.choices.get(group.path),
            f"{group.source} (config group)",
        )
    for path, item in composition.hyperparameters.items():
        if item not in composition.groups:
            having = [
                options for options, found in composition.combinations.items() if path in found.space.hyperparameters
            ]
            note = "" if len(having) == len(composition.combinations) else f" (only in {_options(composition, having)})"
            base = composition.combinations[having[0]].base_value(item)
            for one in item.all():
                when = f", when {in_words(one.when)}" if one.when else ""
                _add(table, path, f"{words(one.distribution)}{when}", base, one.source + note)
    if composition.custom is not None:
        _add(table, "…", "what it suggests", "", f"custom_search_space={composition.custom.name}")
    return table


def _options(composition: Composition, having: Iterable[Sequence[str]]) -> str:
    texts = [
        " ".join(f"{group.path}={option}" for group, option in zip(composition.groups, options, strict=True))
        for options in having
    ]
    return " or ".join(texts)


def _dependencies(composition: Composition) -> Table:
    table = _table("Dependencies", "path", "follows", "written in")
    found = {
        target: dependency
        for combination in composition.combinations.values()
        for target, dependency in combination.space.dependencies.items()
    }
    for target, dependency in found.items():
        _add(table, target, dependency.text, dependency.source)
    return table


def _fixed(composition: Composition) -> Table:
    table = _table("Fixed", "setting", "by")
    rows: dict[tuple[str, str], None] = {}
    for combination in composition.combinations.values():
        chosen = {option_text(group, option) for group in composition.groups for option in group.choices}
        chosen.add("hydra.mode=RUN")
        rows.update(dict.fromkeys((text, "the command line") for text in combination.overrides if text not in chosen))
        rows.update(dict.fromkeys((texts[-1], "the search space") for texts, _value in combination.constants.values()))
    for row in rows:
        _add(table, *row)
    return table


def _sentences(plan: Plan) -> Iterable[str]:
    composition, settings = plan.composition, plan.settings
    n = None if composition.custom else composition.n_points()
    yield f"Points:    {'not countable: a range is continuous' if n is None else f'{n:,}'}"
    if settings.where:
        yield f"Where:     {share_satisfying(composition)}"
    workers = "1 worker" if settings.n_jobs == 1 else f"{settings.n_jobs} workers"
    n_trials = plan.limits.n_trials
    total = "as many as the budget allows" if n_trials >= UNBOUNDED else f"{n_trials} in total"
    yield f"Trials:    {total}, {workers}, study {plan.spec.name!r}"
    yield f"Objective: {_objectives(plan)}"
    if settings.repeats is not None:
        yield f"Repeats:   {', '.join(settings.repeats.names)}; the {settings.repeats.reduce} counts"
    if plan.points.base is not None:
        yield "Trial 0:   the base settings, if the study is new"
    elif plan.points.outside:
        yield f"Trial 0:   sampled; the base settings lie outside: {'; '.join(plan.points.outside)}"
    if plan.points.given:
        yield f"Enqueued:  {len(plan.points.given)} points of hydra.sweeper.enqueue"


def _objectives(plan: Plan) -> str:
    objectives = plan.spec.objectives
    names = objectives.names or ("",) * len(objectives)
    pairs = zip(objectives.directions, names, strict=True)
    return ", ".join(f"{direction} {name}".rstrip() for direction, name in pairs)


def _first_config(plan: Plan) -> str:
    """Sample as the study's first worker would, in memory."""
    session = open_session(replace(plan.spec, storage=None), plan.limits)
    trial: Any = session.next_trial()
    placed = plan.composition.sample(trial)
    set_job(placed.whole, plan.folder, trial.number, [], "")
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(placed.whole)
    try:
        return dump_yaml(recorded(placed.task, placed.whole.hydra))
    finally:
        HydraConfig.instance().cfg = before
