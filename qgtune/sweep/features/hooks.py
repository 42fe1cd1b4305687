"""Hooks are told of the sweep and its trials: loggers, the user's own, notifications."""

from __future__ import annotations

import logging
import pkgutil
import secrets
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate
from optuna.trial import TrialState

from qgtune.errors import LONGEST_LINE, QGTuneError, first_line
from qgtune.files import write_once
from qgtune.hooks.caller import Caller
from qgtune.hooks.hook import Hook, SweepInfo, TrialInfo
from qgtune.results.best import best_trials, params_of
from qgtune.results.table import unnamed
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.study.optuna_private import storage_of
from qgtune.study.storages.exclusive import exclusively
from qgtune.sweep.hydra.versions import allowed_targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import optuna
    from hydra.types import HydraContext
    from optuna.trial import FrozenTrial, Trial

    from qgtune.hooks.caller import Trouble
    from qgtune.study.outcome import Outcome
    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.settings import Settings

log = logging.getLogger("qgtune")

ID = "qgtune:id"
"""The study's attribute that tells it from others of its name, wherever its runs are logged."""
OURS = "qgtune.hooks."
NOTIFIER = f"{OURS}notify.Notifier"
FOLDER = Path(".qgtune", "hooks")
START_S, BETWEEN_S, HASTE_S = 30.0, 10.0, 5.0
"""How long to wait for a hook that is behind: before the first trial, between two, and when a signal ends the process,
since a worker is killed after 8 s.
"""


@dataclass
class Hooks(Lifecycle):
    """Tells hooks, each in a thread of its own.

    Attributes:
        configs: each hook's `_target_` and arguments, by the setting that names it.
        folder: the sweep folder, absolute.
        hyperparameters: the paths of the search space.
        hydra_context: knows which targets the app allows.
        id: the study's; empty until the sweep has started.
    """

    configs: Mapping[str, Mapping[str, Any]]
    folder: Path
    hyperparameters: tuple[str, ...]
    hydra_context: HydraContext
    id: str = ""
    _built: dict[str, Hook] = field(default_factory=dict)
    _callers: list[Caller] | None = None
    _running: dict[int, TrialInfo] = field(default_factory=dict)
    _is_of_sweep: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Travel without what belongs to one process."""
        return {**self.__dict__, "_built": {}, "_callers": None, "_running": {}, "_is_of_sweep": False}

    def build(self) -> None:
        """Build the hooks of this process.

        Raises:
            QGTuneError: for each that cannot be built.
        """
        problems: list[str] = []
        for setting, config in self.configs.items():
            try:
                self._built[setting] = _built(setting, config, self.hydra_context)
            except QGTuneError as error:
                problems.extend(error.problems)
        if problems:
            raise QGTuneError(*problems)

    def sweep_started(self, session: OpenStudy) -> None:
        """Tell it, and wait a while for all to hear: what they make for the sweep is there before the first trial."""
        self._is_of_sweep = True
        shutil.rmtree(self.folder / FOLDER, ignore_errors=True)
        self.id = exclusively(storage_of(session.study), lambda: _id(session.study))
        self._tell("sweep_started", replace(self._sweep(session), counts=_counts(session)))
        self._settle(START_S, leaves_out=False)

    def attempt_runs(self, session: OpenStudy, trial: Trial, folder: Path) -> None:
        """Tell that an attempt has started."""
        frozen = session.study.get_trials(deepcopy=False)[trial.number]
        self._running[trial.number] = info = self._info(session, frozen, folder)
        self._tell("trial_started", info)

    def reported(self, session: OpenStudy, trial: Trial, value: float, step: int) -> None:  # noqa: ARG002
        """Tell what an attempt reported."""
        if (info := self._running.get(trial.number)) is not None:
            self._tell("trial_reported", info, value, step)

    def attempt_ended(self, session: OpenStudy, number: int, outcome: Outcome) -> None:
        """Tell how an attempt ended; one that was withdrawn has never been."""
        known = self._running.pop(number, None)
        if outcome.end != "withdrawn":
            frozen = session.study.get_trials(deepcopy=False)[number]
            self._tell("trial_ended", self._info(session, frozen, known.folder if known else None))
            if known is not None:  # all have heard of it before the next one, which may take the process along
                self._settle(HASTE_S if outcome.end == "returned" else BETWEEN_S, leaves_out=False)

    def new_best(self, session: OpenStudy, trial: FrozenTrial) -> None:
        """Tell of the best trial."""
        self._tell("new_best", self._info(session, trial))

    def worker_ended(self, session: OpenStudy, *, is_stopped: bool) -> None:  # noqa: ARG002
        """Close the hooks, unless the sweep itself runs in this process."""
        if not self._is_of_sweep:
            self._close(HASTE_S if is_stopped else None)

    def sweep_closed(self, session: OpenStudy, failure: str) -> None:
        """Tell what came of the sweep."""
        if not self.id:
            return
        info = replace(self._sweep(session), failure=failure)
        try:
            best = tuple(self._info(session, trial) for trial in best_trials(session.study))
            info = replace(info, counts=_counts(session), best=best)
        except Exception as error:  # noqa: BLE001 - a storage that is gone may be the failure that is told
            log.debug("The study cannot be read: %s", first_line(error))
        self._tell("sweep_ended", info)
        self._close(HASTE_S if failure else None)

    def _tell(self, method: str, *arguments: Any) -> None:
        if self._callers is None:
            self._callers = list(self._made())
        for caller in self._callers:
            caller.call(method, *arguments)

    def _settle(self, limit_s: float | None = None, *, leaves_out: bool = True) -> None:
        for caller in self._callers or ():
            caller.settle(limit_s, leaves_out=leaves_out)

    def _close(self, limit_s: float | None = None) -> None:
        if self._callers is not None:
            self._tell("close")
            self._settle(limit_s)
            self._callers = None

    def _made(self) -> Iterator[Caller]:
        for index, (setting, config) in enumerate(self.configs.items()):
            if any(self._mark(index, trouble).exists() for trouble in ("slow", "unbuilt")):
                continue  # another process of this sweep has left it out

            def make(setting: str = setting, config: Mapping[str, Any] = config) -> Hook:
                return self._built.pop(setting, None) or _built(setting, config, self.hydra_context)

            def warn(trouble: Trouble, text: str, index: int = index, name: str = _name(setting, config)) -> None:
                is_here = self.folder.is_dir()  # it is not where another host's launcher runs a worker
                if not is_here or write_once(self._mark(index, trouble), text):
                    log.warning("%s %s.", name, text)

            yield Caller(make, warn)

    def _mark(self, index: int, trouble: str) -> Path:
        """Return the file that says that a trouble was told, for all processes of the sweep."""
        return self.folder / FOLDER / f"{index}-{trouble}"

    def _sweep(self, session: OpenStudy) -> SweepInfo:
        objectives = session.objectives
        names = objectives.names or tuple(unnamed(len(objectives)))
        name, n_trials = session.study.study_name, session.limits.n_trials
        return SweepInfo(self.id, name, self.folder, objectives.directions, names, self.hyperparameters, n_trials)

    def _info(self, session: OpenStudy, trial: FrozenTrial, folder: Path | None = None) -> TrialInfo:
        sweep, attempt = self._sweep(session), Attempt.of(trial)
        values = trial.values if trial.state == TrialState.COMPLETE else None
        if attempt.end == "paused" and attempt.score is not None:
            values = [attempt.score]
        started, ended = trial.datetime_start, trial.datetime_complete
        usual = self.folder / str(trial.number)
        return TrialInfo(
            sweep,
            trial.number,
            attempt.place(trial.number).replace("/", "-"),  # `7-seed=1`
            attempt.turn,
            attempt.end or "running",  # type: ignore[arg-type] # a withdrawn one is not told of
            params_of(trial),
            folder or (usual if usual.is_dir() else None),
            started and started.astimezone(),
            (ended - started).total_seconds() if started and ended else None,
            dict(zip(sweep.objectives, values or (), strict=False)),
            dict(trial.intermediate_values) if attempt.end else {},
            dict(getattr(trial, "constraints", {})),  # Optuna 4 has none
            attempt.reason,
        )


def hooks_of(
    settings: Settings, composition: Composition | None, folder: Path, hydra_context: HydraContext
) -> Hooks | None:
    """Build the hooks of a sweep for this process; None where there are none.

    Args:
        settings: they name them.
        composition: it knows the hyperparameters; None where it has mistakes.
        folder: the sweep folder, absolute.
        hydra_context: knows which targets the app allows.

    Raises:
        QGTuneError: for each that cannot be built.
    """
    configs = {f"hydra.sweeper.logger.{name}": config for name, config in settings.logger.items()}
    configs |= {f"hydra.sweeper.hooks[{index}]": config for index, config in enumerate(settings.hooks)}
    if settings.notify is not None:
        configs["hydra.sweeper.notify"] = {"_target_": NOTIFIER, **settings.notify}
    paths = () if composition is None else tuple(composition.hyperparameters)
    hooks = Hooks(configs, folder, paths, hydra_context)
    hooks.build()
    return hooks if configs else None


def _built(setting: str, config: Any, hydra_context: HydraContext) -> Hook:
    """Build a hook, as `hydra.utils.instantiate` does.

    Raises:
        QGTuneError: when it cannot be built, or is none.
    """
    if not isinstance(config, dict) or "_target_" not in config:
        raise QGTuneError(f"Cannot use {setting}: it has no `_target_`. Give the class of a hook.")
    try:
        made = _instance(config, hydra_context)
    except Exception as error:
        if isinstance(cause := error.__cause__ or error, QGTuneError):
            raise cause from None
        raise QGTuneError(f"Cannot use {_name(setting, config)}: {_one_line(error)}.") from error
    if not isinstance(made, Hook):
        raise QGTuneError(f"Cannot use {_name(setting, config)}: it is no qgtune.Hook. Derive your class from that.")
    return made


def _instance(config: Mapping[str, Any], hydra_context: HydraContext) -> Any:
    target = str(config["_target_"])
    if target.startswith(OURS):  # an app on Hydra 1.4 that lists what its config may build need not list these
        return pkgutil.resolve_name(target)(**{key: value for key, value in config.items() if key != "_target_"})
    with allowed_targets(hydra_context):
        return instantiate(config)


def _one_line(error: Exception) -> str:
    """Return what Hydra says, whose second line has the reason."""
    return " ".join(str(error).split())[:LONGEST_LINE].rstrip(".")


def _name(setting: str, config: Any) -> str:
    return setting if setting.endswith("notify") else f"{setting} ({str(config.get('_target_')).rpartition('.')[2]})"


def _id(study: optuna.Study) -> str:
    known: str | None = study.user_attrs.get(ID)
    if known is None:
        known = secrets.token_hex(4)
        study.set_user_attr(ID, known)
    return known


def _counts(session: OpenStudy) -> dict[str, int]:
    ledger = session.refresh()
    return {name: getattr(ledger, name) for name in ("complete", "pruned", "failed", "running")}
