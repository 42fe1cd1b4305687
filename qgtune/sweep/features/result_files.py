"""The files that a sweep leaves, and the lines that it ends with."""

from __future__ import annotations

import contextlib
import logging
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, listed
from qgtune.files import check_writable, short_path
from qgtune.results.best import best_trials, params_of, summary
from qgtune.results.invocation import own_command
from qgtune.results.recorded import Record
from qgtune.space.paths import all_paths
from qgtune.space.reading.yaml_files import load_yaml_file, write_yaml
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.study.repeats.measured import Measured

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.study.attempts.ledger import Ledger
    from qgtune.study.objectives import Objectives

log = logging.getLogger("qgtune")

RESULTS = "optimization_results.yaml"
N_SHOWN = 10


@dataclass(frozen=True)
class ResultFiles(Lifecycle):
    """Writes the results of a sweep and says where they are.

    The best trial and its config are there as soon as it is the best, for whoever kills the sweep.

    Attributes:
        folder: the sweep folder.
        built: where the first trial's config is; None for nowhere. This and the next are absolute.
        best_trial: where the best trial's hyperparameters go; None for nowhere.
        best_config: where its config goes; None for nowhere.
        report: whether to write the report.
        is_kept: whether the study outlives this process.
        schema: the app's primary config where Hydra's store has it, as structured configs are; else empty. A best
            config composes it first, so that its values have their types.
        schema_paths: what that config has.
    """

    folder: Path
    built: Path | None
    best_trial: Path | None
    best_config: Path | None
    report: bool = True
    is_kept: bool = True
    schema: str = ""
    schema_paths: frozenset[str] = frozenset()

    def check(self) -> None:
        """Check that what is to be kept can be written.

        Raises:
            QGTuneError: for each path that cannot.
        """
        keys = ("built_search_space_path", "best_trial_path", "best_config_path")
        names = (f"hydra.sweeper.{key}" for key in keys)
        check_writable(dict(zip(names, (self.built, self.best_trial, self.best_config), strict=True)))

    def new_best(self, session: OpenStudy, trial: FrozenTrial) -> None:
        """Write the best trial's files."""
        if self.folder.exists():  # it does not where another host's launcher runs a worker
            self._write_best([trial], session.objectives)

    def sweep_ended(self, session: OpenStudy) -> None:
        """Write the result files and log the summary.

        Raises:
            QGTuneError: when a file cannot be written.
        """
        results = summary(session.study)
        best = best_trials(session.study)
        file = self.folder / RESULTS
        try:
            outdated = _front(file) - {trial.number for trial in best}
            write_yaml(file, results)
            written = self._write_best(best, session.objectives)
            for path in [_numbered(self.best_config, number) for number in outdated] if self.best_config else ():
                path.unlink(missing_ok=True)
        except OSError as error:
            raise QGTuneError(f"Cannot write the results: {error}. The study itself is kept.") from None
        self._say(session, best, written)
        if self.report:
            self._report(session)

    def _report(self, session: OpenStudy) -> None:
        """Write the report; whatever goes wrong with it is not worth the results."""
        from qgtune.results.report import FILE, HOW_TO_INSTALL, is_installed, write_sweep_report

        try:
            if not is_installed():
                log.info(HOW_TO_INSTALL)
                return
            log.info("Writing the report.")
            log.info("Read the report:      %s", short_path(write_sweep_report(session.study, self.folder)))
        except Exception as error:  # noqa: BLE001
            log.warning("Cannot write %s: %s: %s", FILE, type(error).__name__, " ".join(str(error).split()))

    def _write_best(self, best: list[FrozenTrial], objectives: Objectives) -> list[Path]:
        written = [self.built] if best and self.built is not None and self.built.exists() else []
        contents: dict[Path, Any] = {}
        if self.best_trial is not None and best and len(objectives) == 1:
            contents[self.best_trial] = params_of(best[0])
        if self.best_config is not None:
            for trial in best:
                path = self.best_config if len(objectives) == 1 else _numbered(self.best_config, trial.number)
                try:
                    contents[path] = self._runnable(Record.read(self.folder, trial).of_configuration.config)
                except QGTuneError as error:
                    log.warning("No best config is written. %s", error)
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_yaml(path, content)
        return [*written, *contents]

    def _runnable(self, config: Any) -> Any:
        """Return a config that runs by itself; one that lacks what the schema has would get it back."""
        fits = isinstance(config, dict) and self.schema_paths <= set(all_paths(config))
        return {"defaults": [self.schema, "_self_"], **config} if self.schema and fits else config

    def _say(self, session: OpenStudy, best: list[FrozenTrial], written: list[Path]) -> None:
        ledger = session.refresh()
        log.info("Finished: %s.", _counts(ledger))
        if not self.report and not any((self.built, self.best_trial, self.best_config)):
            return  # whoever wants no results ranks the trials by something else
        if not best:
            why = "Every completed trial violates a constraint" if ledger.complete else "No trial completed"
            log.error("%s, so there is no best one.", why)
            return
        if len(session.objectives) == 1:
            self._say_best(best[0])
        else:
            _say_front(best, session.objectives, ledger.complete)
        _say_written(self.folder, written)
        label = "Run the best again:" if len(session.objectives) == 1 else "Run the first again:"
        which = "" if len(session.objectives) == 1 else f" --trial {best[0].number}"
        ours, folder = own_command(short_path), shlex.quote(short_path(self.folder))
        log.info("%-21s %s rerun %s%s", label, ours, folder, which)
        if self.is_kept and len(session.objectives) == 1 and ledger.complete > 1:
            log.info("Is it that good?      %s confirm %s", ours, folder)
        if self.is_kept:
            log.info("Look at the study:    %s dashboard %s", ours, folder)

    def _say_best(self, trial: FrozenTrial) -> None:
        measured = Measured.of(trial)
        of_repeats = "" if measured is None else f" ({measured})"
        log.info("Best: trial %d with %.6g%s", Attempt.of(trial).name(trial.number), trial.value, of_repeats)
        for path, value in params_of(trial).items():
            log.info("  %s: %s", path, value)


def _numbered(path: Path, number: int) -> Path:
    """Return where the config of a trial of the Pareto front goes."""
    return path.with_name(f"{path.stem}_{number}{path.suffix}")


def _front(results: Path) -> set[int]:
    """Return the trials of the Pareto front that an earlier run wrote."""
    if not results.exists():
        return set()
    with contextlib.suppress(QGTuneError, AttributeError, TypeError, KeyError):  # no file of ours, then
        return {solution["trial"] for solution in load_yaml_file(results, "results")["solutions"]}
    return set()


def _say_front(best: list[FrozenTrial], objectives: Objectives, n_complete: int) -> None:
    log.info("Pareto front: %d of %d complete trials", len(best), n_complete)
    for trial in best[:N_SHOWN]:
        log.info("  trial %d: %s", trial.number, objectives.text(trial.values))
    if len(best) > N_SHOWN:
        log.info("  and %d more in %s", len(best) - N_SHOWN, RESULTS)


def _say_written(folder: Path, written: list[Path]) -> None:
    inside = [path.name for path in written if path.parent == folder.absolute()]
    outside = [short_path(path) for path in written if path.parent != folder.absolute()]
    log.info("Written to %s: %s", short_path(folder), listed([*inside, *outside], N_SHOWN))


def _counts(ledger: Ledger) -> str:
    text = f"{ledger.finished} trials ({ledger.complete} complete, {ledger.pruned} pruned, {ledger.failed} failed)"
    if ledger.configurations.n_measured:
        text = f"{text}, {ledger.configurations.n_measured} repeats of others"
    return f"{text}, {ledger.running} still running elsewhere" if ledger.running else text
