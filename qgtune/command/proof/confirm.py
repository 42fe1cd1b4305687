"""`qgtune confirm`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer, wants_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qgtune.results.proof.confirmation import Confirmation


@click.command(short_help="Run the leading trials again on fresh seeds.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1)
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), metavar="N", help="The best N trials.")
@click.option(
    "--seeds", "n_seeds", default=3, show_default=True, type=click.IntRange(min=2), metavar="N", help="Runs of each."
)
@click.option("--path", metavar="PATH", help="The config's value that seeds random numbers; else its only key `seed`.")
@JSON
def confirm(
    folder: Path,
    overrides: tuple[str, ...],
    top: int,
    n_seeds: int,
    path: str | None,
) -> None:
    """Run the leading trials of the sweep in FOLDER again, on seeds that the search did not use.

    The best of many noisy trials owes its value to luck, too. The fresh values tell what each is worth, with an
    interval, and which one is the best. The runs are on workers like the sweep's, into FOLDER/confirm; the same command
    goes on where it was stopped. OVERRIDES of Hydra's own keys are for these runs.

    \b
    qgtune confirm multirun/2026-11-24/10-35-20
    qgtune confirm multirun/2026-11-24/10-35-20 --top 3 --seeds 10 hydra.sweeper.n_jobs=4
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import ConfirmedTrials
    from qgtune.command.proof.seeds import fresh_seeds, seed_path
    from qgtune.command.proof.series import open_sweep, refuse_another_config, series_of, used_seeds, written_config
    from qgtune.results.best import params_of
    from qgtune.results.proof.confirmation import Confirmation, leading_trials
    from qgtune.results.recorded import Record

    folder = folder.absolute()
    source = open_sweep(folder, overrides)
    trials = leading_trials(source.study, top)
    record = Record.read(folder, trials[0])
    path = seed_path(record.config, written_config(source), trials[0].params, path)
    series = series_of(source, "confirm", path, overrides)
    seeds = fresh_seeds(n_seeds, used_seeds(folder, path, trials), series.seeds)
    points = {trial.number: params_of(trial) for trial in trials}
    runs = [{**point, path: seed} for point in points.values() for seed in seeds]
    if any(run not in series.known for run in runs):
        refuse_another_config(series, record, trials[0].number)
    done = series.run(runs, quiet=wants_json())
    series.refuse_other_configs(done, points)
    values = {
        number: [value for seed in seeds if (value := series.value(done, {**point, path: seed})) is not None]
        for number, point in points.items()
    }
    found = Confirmation.of(source.study, path, seeds, values)
    found.write(folder)
    answer(ConfirmedTrials(**json.loads(found.to_json())), lambda: _show(found, folder))


def _show(found: Confirmation, folder: Path) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from qgtune.command.layout import WideConsole

    table = Table("trial", "search", "confirmed", "95 % interval", "runs", box=SIMPLE_HEAD, pad_edge=False)
    for row in found.trials:
        worth = ("", "") if row.estimate is None else row.estimate.texts()
        table.add_row(str(row.trial), f"{row.search:.6g}", *worth, f"{len(row.values)} of {len(found.seeds)}")
    screen = WideConsole()
    screen.print(f"Study {found.study!r}, {found.direction}: on the fresh seeds {found.path}={_listed(found.seeds)}")
    screen.print(table)
    for line in _judgement(found, folder):
        screen.print(line, markup=False, soft_wrap=True)


def _judgement(found: Confirmation, folder: Path) -> Iterator[str]:
    """Say what the runs tell, and what to do next."""
    from qgtune.files import short_path
    from qgtune.results.invocation import own_command

    ours = own_command(short_path)
    sweep, best = shlex.quote(short_path(folder)), found.best
    if failed := [row.trial for row in found.trials if row.estimate is None]:
        there = short_path(folder / "confirm")
        yield f"Not judged, since runs failed: trial {_listed(failed)}. Their logs are in {there}."
    if best is None:
        return
    if found.is_constant:
        yield (
            f"Each configuration gave the same value on every seed: repeats change nothing here. Nothing in it is "
            f"random, or the function does not use {found.path}."
        )
    yield f"Best: trial {best.trial} with {best.text()}; the search had it at {best.search:.6g}."
    if found.rivals:
        yield f"That is not established: {len(found.seeds)} seeds do not tell it from trial {_listed(found.rivals)}."
        n_seeds = 2 * len(found.seeds)
        yield f"More seeds:            {ours} confirm {sweep} --top {len(found.trials)} --seeds {n_seeds}"
    elif len(found.trials) > len(failed) + 1:
        yield "It is ahead of each of the others, at 95 % for all of them together."
    yield f"Run the best again:    {ours} rerun {sweep} --trial {best.trial}"


def _listed(items: Sequence[int]) -> str:
    return ", ".join(map(str, items))
