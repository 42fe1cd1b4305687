"""Runs of given points by the program of a sweep, on workers like the sweep's, in a folder inside the sweep's."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
from omegaconf import OmegaConf
from optuna.trial import TrialState

from qgtune.command.proof.seeds import END
from qgtune.errors import QGTuneError
from qgtune.results.best import params_of
from qgtune.results.invocation import Invocation, key_of
from qgtune.results.recorded import Record, differences
from qgtune.results.source import Source, open_source
from qgtune.space.paths import parse_path, select
from qgtune.space.reading.yaml_files import load_yaml_file, write_yaml
from qgtune.space.stored import is_same
from qgtune.study.attempts.attempt import Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from optuna.trial import FrozenTrial

    Point = Mapping[str, Any]

INTERRUPTED = (130, 143)
"""Exit codes of a sweep that a signal has ended."""
_CHANGED = "The app's config has changed since the search."


@dataclass(frozen=True, slots=True)
class Series:
    """Runs of given points, each of which is a trial of a study of its own.

    Attributes:
        sweep: the sweep whose program runs them.
        top: the folder of that sweep.
        name: of the folder inside it, and of the command that makes it.
        path: the seed's, which each point sets; None where the points leave it alone.
        overrides: the user's, of Hydra's own keys.
        command: that of the sweep.
    """

    sweep: Source
    top: Path
    name: str
    path: str | None
    overrides: tuple[str, ...]
    command: Invocation

    @property
    def folder(self) -> Path:
        """Where the runs are."""
        return self.top / self.name

    @property
    def _file(self) -> Path:
        return self.folder / ".qgtune" / "points.yaml"

    @property
    def known(self) -> list[dict[str, Any]]:
        """The points of earlier calls."""
        return load_yaml_file(self._file, "points") if self._file.is_file() else []

    @property
    def seeds(self) -> list[int]:
        """The seeds of earlier calls, in their order."""
        return list(dict.fromkeys(point[self.path] for point in self.known if self.path in point))

    def trials(self) -> list[FrozenTrial]:
        """Return the attempts so far."""
        if not (self.folder / "multirun.yaml").is_file():
            return []
        return open_source(str(self.folder), self._study).study.get_trials(deepcopy=False)

    @property
    def _study(self) -> str:
        return f"{self.sweep.study.study_name}-{self.name}"

    def run(self, points: Sequence[Point], *, quiet: bool) -> list[FrozenTrial]:
        """Run those of the points that have not run, and return all attempts when all have.

        Args:
            points: config values by path.
            quiet: whether standard output belongs to the caller.

        Raises:
            QGTuneError: when the runs could not be started, or were given up.
            click.exceptions.Exit: after an interrupt.
        """
        trials = self.trials()
        if all(any(map(_has_ended, self.at(trials, point))) for point in points):
            return trials
        known = self.known
        if any((self.path in point) != (self.path in points[0]) for point in known):
            raise QGTuneError(
                f"Cannot go on in {str(self.folder)!r}: its runs are told apart by another seed. Give the same --path "
                "and --seeds as then, or move that folder away."
            )
        write_yaml(self._file, [*known, *(dict(point) for point in points if point not in known)])
        command = self.command.with_overrides([*self.own_overrides(), *self.overrides])
        click.echo(command.shown(), err=quiet)
        code = command.run(sys.stderr if quiet else sys.stdout)
        if code in INTERRUPTED:
            click.echo("To go on, give the same command again.", err=True)
            raise click.exceptions.Exit(code)
        if code != 0:
            raise QGTuneError(f"Cannot run more of the sweep: its program ended with code {code}. It says why above.")
        return self.trials()

    def own_overrides(self) -> list[str]:
        """Return what makes the sweep's command one that runs the points."""
        from qgtune.sweep.compose.arguments import override_text

        sweeper: dict[str, Any] = {
            "points": str(self._file),
            "study_name": self._study,
            "report": False,
            "timeout": None,
            "built_search_space_path": None,
            "best_trial_path": None,
            "best_config_path": None,
            "best_param_path": None,
            "checkpoint_path": str(self.folder / "checkpoints"),
        }
        texts = [override_text("hydra.sweep.dir", str(self.folder))]
        texts += [override_text(f"hydra.sweeper.{key}", value) for key, value in sweeper.items()]
        if self.path is not None:
            given = next((text for text in self.command.arguments if key_of(text) == self.path), "")
            adds = given[: len(given) - len(given.lstrip("+"))]
            texts.append(f"{adds}{self.path}=range(0,{END})")
        fidelity = None if self.sweep.config is None else self.sweep.config.hydra.sweeper.get("fidelity")
        if fidelity and fidelity.get("path"):  # as long as a trial that promotion has taken to the last rung
            texts.append(override_text(fidelity.path, fidelity.max))
        return texts

    def at(self, trials: Sequence[FrozenTrial], point: Point) -> list[FrozenTrial]:
        """Return the attempts at a point, on any seed if it leaves the seed open."""
        return [trial for trial in trials if self._is_at(trial, point)]

    def _is_at(self, trial: FrozenTrial, point: Point) -> bool:
        found = params_of(trial) or trial.system_attrs.get("fixed_params", {})
        is_ours = bool(found) and (self.path is None or self.path in found)
        return is_ours and all(path not in point or is_same(point[path], value) for path, value in found.items())

    def value(self, trials: Sequence[FrozenTrial], point: Point) -> float | None:
        """Return the value of the run at a point; None if it has none."""
        done = (trial.value for trial in self.at(trials, point) if trial.state == TrialState.COMPLETE)
        return next((value for value in done if value is not None and math.isfinite(value)), None)

    def refuse_other_configs(self, trials: Sequence[FrozenTrial], points: Mapping[int, Point]) -> None:
        """Check that the runs had the configs of the search's trials.

        What differs from run to run follows the seed, the run's number or the time: it is no setting.

        Args:
            trials: the attempts.
            points: by the number of the search's trial, without a seed.

        Raises:
            QGTuneError: with each setting that all runs of a trial had otherwise.
        """
        problems: dict[str, None] = {}
        for number, point in points.items():
            before = Record.of_number(self.top, number).config
            runs = [trial for trial in self.at(trials, point) if trial.state == TrialState.COMPLETE]
            found = [set(differences(before, Record.read(self.folder, trial).config)) for trial in runs]
            same = set.intersection(*found) if len(found) > 1 else set()
            lines = sorted(line for line in same if not line.startswith(f"{self.path}: "))
            problems.update(dict.fromkeys(f"Cannot take these for runs of trial {number}: {line}." for line in lines))
        if problems:
            raise QGTuneError(*problems, f"{_CHANGED} Move {str(self.folder)!r} away, and undo that or search again.")


def _has_ended(trial: FrozenTrial) -> bool:
    """Say whether an attempt is the last one at its point."""
    if trial.state == TrialState.FAIL:
        return Attempt.of(trial).end == "failed"
    return trial.state.is_finished()


def open_sweep(folder: Path, overrides: Sequence[str]) -> Source:
    """Open the sweep in a folder whose program is to run more, with these overrides.

    Raises:
        QGTuneError: when there is none, or an override is of the app's config.
    """
    if wrong := next((text for text in overrides if not key_of(text).startswith(("hydra.", "hydra/"))), None):
        raise QGTuneError(f"Cannot set {wrong!r}: the runs have the config that the search's had. Give hydra.… only.")
    if not folder.is_dir():
        raise QGTuneError(f"Cannot run more of {str(folder)!r}: there is no such folder. Give a sweep folder.")
    return open_source(str(folder))


def series_of(sweep: Source, name: str, path: str | None, overrides: Sequence[str]) -> Series:
    """Return the runs in the folder `name` of a sweep.

    Raises:
        QGTuneError: when the sweep does not say which command it is of.
    """
    if sweep.folder is None:
        raise QGTuneError("Cannot run more of a study without a folder. Give a sweep folder.")
    return Series(sweep, sweep.folder, name, path, tuple(overrides), Invocation.read(sweep.folder))


def refuse_another_config(series: Series, record: Record, number: int) -> None:
    """Refuse to repeat a trial whose config would be another one by now, before anything runs.

    Raises:
        QGTuneError: with each setting that has changed.
    """
    from qgtune.command.rerun import composed_differences

    if record.differs:  # no command line makes its config: only the runs' own records tell
        return
    try:
        found = composed_differences(series.command.as_plain_run(record.overrides), record)
    except QGTuneError:  # the runs' own records are compared; what keeps the app from starting, it says itself
        return
    written = written_config(series.sweep)
    changed = [line for line in found if "${" not in str(select(written, parse_path(line.split(": ", 1)[0])))]
    if changed:
        lines = (f"Cannot repeat trial {number} as it was: {line}." for line in changed)
        raise QGTuneError(*lines, f"{_CHANGED} Undo that, or search again.")


def written_config(sweep: Source) -> Any:
    """Return what Hydra composed for a sweep as plain data, interpolations as text."""
    return None if sweep.config is None else OmegaConf.to_container(sweep.config, resolve=False)


def used_seeds(folder: Path, path: str, trials: Sequence[FrozenTrial]) -> set[int]:
    """Return the seeds that trials of a search had."""
    found = (select(Record.read(folder, trial).config, parse_path(path)) for trial in trials)
    return {seed for seed in found if isinstance(seed, int)}
