"""`qgtune ablate`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.answers.answer import JSON, answer, wants_json
from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.trial import FrozenTrial

    from qgtune.command.proof.series import Series
    from qgtune.results.proof.ablation import Ablation, Ends
    from qgtune.results.proof.estimates import Estimate
    from qgtune.results.source import Source

FILE = "ablate.json"
N_SEEDS = 3


@click.command(short_help="Tell which change of the base settings brought how much.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1)
@click.option("--trial", "number", type=click.IntRange(min=0), metavar="N", help="Lead to trial N; else to the best.")
@click.option(
    "--seeds",
    "n_seeds",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Fresh seeds for each point, {N_SEEDS} by default; 0 for one run with the search's own.",
)
@click.option("--path", metavar="PATH", help="The config's value that seeds random numbers; else its only key `seed`.")
@JSON
def ablate(
    folder: Path,
    overrides: tuple[str, ...],
    number: int | None,
    n_seeds: int | None,
    path: str | None,
) -> None:
    """Go from the base settings to the best trial of the sweep in FOLDER, one change after the other.

    At each step every change that is left is tried by real runs, and the one that helps most is made. The gains add up
    to the whole. The runs are on workers like the sweep's, into FOLDER/ablate; those of earlier steps and of `qgtune
    confirm` are not run twice. The same command goes on where it was stopped.

    \b
    qgtune ablate multirun/2026-11-24/10-35-20
    qgtune ablate multirun/2026-11-24/10-35-20 --trial 7 --seeds 5
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.proof.series import open_sweep
    from qgtune.files import write_whole

    folder = folder.absolute()
    source = open_sweep(folder, overrides)
    trial = _trial(source, folder, number)
    walk = _walk(source, trial, n_seeds, path, overrides, quiet=wants_json())
    found = walk.go(trial.number)
    walk.series.refuse_other_configs(walk.series.trials(), {trial.number: found.ends.best})
    write_whole(walk.series.folder / FILE, f"{found.to_json()}\n")
    answer(found, lambda: _show(found, walk))


def _trial(source: Source, folder: Path, number: int | None) -> FrozenTrial:
    """Return the trial to lead to: the one asked for, or the confirmed best, or the search's."""
    from optuna.trial import TrialState

    from qgtune.results.proof.confirmation import Confirmation, leading_trials

    leading = leading_trials(source.study, 1)[0]
    confirmed = Confirmation.read(folder)
    if number is None:
        if confirmed is None or confirmed.best is None:
            return leading
        number = confirmed.best.trial
    trials = source.study.get_trials(deepcopy=False)
    if number >= len(trials) or trials[number].state != TrialState.COMPLETE:
        raise QGTuneError(f"Cannot lead to trial {number}: the study has no completed trial of that number.")
    return trials[number]


def _walk(
    source: Source, trial: FrozenTrial, n_seeds: int | None, path: str | None, overrides: Sequence[str], *, quiet: bool
) -> Walk:
    """Find out between which points to go, and on which seeds; check that the runs will be like the search's."""
    from qgtune.command.proof.seeds import fresh_seeds, seed_path
    from qgtune.command.proof.series import refuse_another_config, series_of, used_seeds, written_config
    from qgtune.files import short_path
    from qgtune.results.best import params_of
    from qgtune.results.invocation import BASE_FILE
    from qgtune.results.proof.ablation import Ends
    from qgtune.results.recorded import Record
    from qgtune.space.reading.yaml_files import load_yaml_file

    top = source.folder or Path()
    if not (top / BASE_FILE).is_file():
        file = short_path(top / BASE_FILE)
        raise QGTuneError(f"Cannot start from the base settings: {file}, which has them, is gone.")
    ends = Ends(load_yaml_file(top / BASE_FILE, "base settings"), params_of(trial))
    if not ends.changes:
        raise QGTuneError(f"Cannot ablate trial {trial.number}: it has the base settings' values.")
    record = Record.read(top, trial)
    if n_seeds != 0:
        try:
            path = seed_path(record.config, written_config(source), trial.params, path)
        except QGTuneError as error:
            way_out = "--seeds 0 compares single runs, with the search's own seed."
            raise QGTuneError(*error.problems, way_out) from None
    single = n_seeds == 0
    series = series_of(source, "ablate-once" if single else "ablate", None if single else path, overrides)
    refuse_another_config(series, record, trial.number)
    if single or path is None:
        return Walk(series, ends, [], source.study.get_trials(deepcopy=False), quiet=quiet)
    confirm = series_of(source, "confirm", path, ())
    used = used_seeds(top, path, [trial])
    seeds = fresh_seeds(N_SEEDS if n_seeds is None else n_seeds, used, [*series.seeds, *confirm.seeds])
    return Walk(series, ends, seeds, confirm.trials(), quiet=quiet)


@dataclass(slots=True)
class Walk:
    """The way from the base settings to a trial.

    Attributes:
        series: the runs.
        ends: where it starts and leads.
        seeds: on which each point runs; empty for the search's own.
        elsewhere: runs of other commands, which count where they are at the same point and seed.
        quiet: whether standard output belongs to the caller.
        n_reused: how many runs of `elsewhere` counted.
    """

    series: Series
    ends: Ends
    seeds: list[int]
    elsewhere: Sequence[FrozenTrial]
    quiet: bool
    n_reused: int = 0
    _values: dict[frozenset[str], list[float]] = field(default_factory=dict)

    def go(self, number: int) -> Ablation:
        """Make all changes, at each step the one that helps most.

        Raises:
            QGTuneError: when the base settings or the trial itself do not complete on each seed.
        """
        from optuna.study import StudyDirection

        from qgtune.results.proof.ablation import Ablation

        maximize = self.series.sweep.study.direction == StudyDirection.MAXIMIZE
        changes = self.ends.changes
        done: frozenset[str] = frozenset()
        self._run([done, frozenset(changes)])
        way: list[tuple[tuple[str, ...], list[float]]] = [((), self._whole(done, "the base settings"))]
        self._whole(frozenset(changes), f"trial {number}")
        while left := [path for path in changes if path not in done]:
            self._run([done | {path} for path in left])
            tried = {path: self._values[done | {path}] for path in left if self._is_whole(done | {path})}
            sign = -1 if maximize else 1
            best = min(tried, key=lambda path: sign * sum(tried[path]), default=None)
            step = tuple(left) if best is None else (best,)  # none of them runs alone: all that are left together
            done = done.union(step)
            way.append((step, self._values[done]))
        ways = {frozenset().union(*(step for step, _values in way[: end + 1])) for end in range(len(way))}
        others = [values for at, values in self._values.items() if at not in ways and self._is_whole(at)]
        return Ablation.of(number, self.seeds, self.ends, way, others, maximize=maximize)

    @property
    def _n_runs(self) -> int:
        return max(1, len(self.seeds))

    def _run(self, all_changed: Sequence[frozenset[str]]) -> None:
        """Run the points where these changes have been made, as far as they have not run."""
        wanted = {changed: self._points(changed) for changed in all_changed if changed not in self._values}
        new = [one for points in wanted.values() for one in points if self.series.value(self.elsewhere, one) is None]
        done = self.series.run(new, quiet=self.quiet) if new else []
        for changed, points in wanted.items():
            found = [self.series.value([*done, *self.elsewhere], one) for one in points]
            self._values[changed] = [value for value in found if value is not None]
            self.n_reused += sum(one not in new for one in points)

    def _points(self, changed: frozenset[str]) -> list[Mapping[str, Any]]:
        point = self.ends.after(changed)
        return [{**point, str(self.series.path): seed} for seed in self.seeds] or [point]

    def _is_whole(self, changed: frozenset[str]) -> bool:
        return len(self._values[changed]) == self._n_runs

    def _whole(self, changed: frozenset[str], what: str) -> list[float]:
        if not self._is_whole(changed):
            n_done = len(self._values[changed])
            raise QGTuneError(
                f"Cannot compare with {what}: {n_done} of {self._n_runs} runs completed. The log files in "
                f"{str(self.series.folder)!r} say why."
            )
        return self._values[changed]


def _show(found: Ablation, walk: Walk) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from qgtune.command.layout import WideConsole, number

    ends = found.ends
    table = Table("change", "value", "gain", "95 % interval", box=SIMPLE_HEAD, pad_edge=False)
    table.add_row("the base settings", _with_digits_of(found.total, found.start), "", "")
    for step in found.steps:
        changes = [f"{path}: {number(ends.base[path], 4)} -> {number(ends.best[path], 4)}" for path in step.changed]
        table.add_row(Text("\n".join(changes)), _with_digits_of(step.gain, step.value), *step.gain.texts("+"))
    table.add_row("all together", "", *found.total.texts("+"))
    screen = WideConsole()
    how = f"{len(found.seeds)} fresh seeds a point, {walk.series.path}={', '.join(map(str, found.seeds))}"
    screen.print(f"From the base settings to trial {found.trial}, {found.direction}: {how if found.seeds else ALONE}")
    screen.print(table)
    if ends.brought:
        brought = ", ".join(f"{path}={number(ends.best[path], 4)}" for path in ends.brought)
        screen.print(f"Brought along by the choices that need it: {brought}", markup=False, soft_wrap=True)
    if walk.n_reused:
        source = "qgtune confirm" if found.seeds else "the search"
        screen.print(f"Runs of {source} at the same points, which counted: {walk.n_reused}")


def _with_digits_of(gain: Estimate, value: float) -> str:
    """Return a value with as many digits as its difference to another one has."""
    return replace(gain, value=value).texts()[0]


ALONE = "one run a point with the search's own seed, so no intervals. The best one's value is partly luck"
