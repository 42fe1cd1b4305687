"""The files and the lines that a sweep ends with."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig

from qgtune.errors import QGTuneError
from qgtune.results.best import best_trials, decoded, summary
from qgtune.results.configs import resolve_plain
from qgtune.space.yaml_files import write_yaml
from qgtune.study.addresses import kind_of, safe
from qgtune.sweep.job import set_job

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.trial import FrozenTrial

    from qgtune.study.addresses import Storage
    from qgtune.study.ledger import Ledger
    from qgtune.study.session import Session, StudySpec
    from qgtune.sweep.composer import Composition
    from qgtune.sweep.settings import Settings

log = logging.getLogger("qgtune")


@dataclass(frozen=True, slots=True)
class Outputs:
    """Writes the results of a sweep and says where they are."""

    folder: Path
    settings: Settings
    composition: Composition
    spec: StudySpec

    def write(self, session: Session) -> dict[str, Any]:
        """Write the result files and log the summary.

        Returns:
            What `optimization_results.yaml` holds.

        Raises:
            QGTuneError: when a file cannot be written.
        """
        results = summary(session.study, self.composition.hyperparameters)
        best = best_trials(session.study)
        try:
            write_yaml(self.folder / "optimization_results.yaml", results)
            written = self._write_best(best[0]) if best else []
        except OSError as error:
            raise QGTuneError(f"Cannot write the results: {error}. The study itself is kept.") from None
        self._say(session.refresh(), best, written)
        return results

    def _write_best(self, trial: FrozenTrial) -> list[Path]:
        targets: dict[str | None, Callable[[], Any]] = {
            self.settings.best_trial_path: lambda: decoded(trial, self.composition.hyperparameters),
            self.settings.best_config_path: lambda: best_config(self.composition, trial),
        }
        written = [
            path for path in (self.settings.built_search_space_path,) if path is not None and Path(path).exists()
        ]
        for path, content in targets.items():
            if path is not None:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                write_yaml(Path(path), content())
                written.append(path)
        return [Path(path).absolute() for path in written]

    def _say(self, ledger: Ledger, best: list[FrozenTrial], written: list[Path]) -> None:
        log.info("Finished: %s.", _counts(ledger))
        if not best:
            log.error("No trial completed, so there is no best one.")
            return
        values = ", ".join(f"{value:.6g}" for value in best[0].values)
        log.info("Best: trial %d with %s", best[0].number, values)
        for path, value in decoded(best[0], self.composition.hyperparameters).items():
            log.info("  %s: %s", path, value)
        inside = [path.name for path in written if path.parent == self.folder]
        outside = [short_path(path) for path in written if path.parent != self.folder]
        log.info("Written to %s: %s", short_path(self.folder), ", ".join([*inside, *outside]))
        if self.settings.best_config_path is not None:
            log.info("Run the best config:  %s", _run_command(Path(self.settings.best_config_path)))
        if command := _dashboard_command(self.spec.storage):
            log.info("Look at the study:    %s", command)


def best_config(composition: Composition, trial: FrozenTrial) -> Any:
    """Return the whole config of a trial as plain data, all resolved."""
    values = decoded(trial, composition.hyperparameters)
    options = tuple(values.get(group.path, group.choices[0]) for group in composition.groups)
    combination = composition.combinations[options]
    whole, task = combination.load({path: values[path] for path in combination.space.hyperparameters if path in values})
    set_job(whole, trial.number, [], "")
    before = HydraConfig.instance().cfg
    HydraConfig.instance().set_config(whole)
    try:
        return resolve_plain(task)
    finally:
        HydraConfig.instance().cfg = before


def _counts(ledger: Ledger) -> str:
    text = f"{ledger.finished} trials ({ledger.complete} complete, {ledger.pruned} pruned, {ledger.failed} failed)"
    return f"{text}, {ledger.running} still running elsewhere" if ledger.running else text


def short_path(path: Path) -> str:
    """Return a path as a user would type it here: relative when it lies below the working folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _run_command(best_config_path: Path) -> str:
    path = best_config_path.absolute()
    arguments = [*_program(), "--config-path", str(path.parent), "--config-name", path.stem]
    return shlex.join(arguments)


def _dashboard_command(storage: Storage) -> str:
    """Return the command that shows the study; the empty text where the dashboard knows no such storage."""
    kind = kind_of(storage)
    if not isinstance(storage, str) or kind in ("memory", "grpc"):
        return ""
    return f"optuna-dashboard {shlex.quote(short_path(Path(storage)) if kind == 'journal' else safe(storage))}"


def _program() -> list[str]:
    """Return how this app was started."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is not None and spec.name:
        return ["python", "-m", spec.name.removesuffix(".__main__")]
    return ["python", sys.argv[0]] if sys.argv[0].endswith(".py") else [sys.argv[0]]
