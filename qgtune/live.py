"""The trial that runs now, for the user's function."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("qgtune")
TRIAL = "QGTUNE_TRIAL"
"""The environment variable by which processes that a trial's function starts know the trial."""
MARK = ".qgtune"
"""The file in a checkpoint folder that says which study's it is."""


@dataclass(slots=True)
class Running:
    """A trial that runs, and what belongs to it.

    Attributes:
        trial: it.
        checkpoints: the folder for what its configuration keeps between attempts; None where there is none.
        last_step: the last step that earlier attempts reported; None for none.
        target: up to which step it is to run; None for its end.
        saves: what to call when its worker has to stop.
    """

    trial: optuna.trial.BaseTrial
    checkpoints: Path | None = None
    last_step: int | None = None
    target: int | None = None
    saves: list[Callable[[], None]] = field(default_factory=list)


_current: ContextVar[Running | None] = ContextVar("qgtune_current_trial", default=None)
_last: list[Running] = []


class StandInTrial(optuna.trial.FixedTrial):
    """What `current_trial` gives outside a sweep: reports are logged, nothing is pruned, nothing is stored."""

    def __init__(self, number: int = 0) -> None:
        super().__init__({}, number=number)

    def report(self, value: float, step: int) -> None:
        """Log an intermediate value."""
        log.info("step %s: %g", step, value)


def current_trial() -> optuna.trial.BaseTrial:
    """Return the trial that runs now.

    Returns:
        The live `optuna.Trial` inside a sweep. Outside of one, a stand-in whose `report` logs and whose
        `should_prune` is false, so that the same function runs unchanged.
    """
    found = _running()
    return StandInTrial() if found is None else found.trial


def _running() -> Running | None:
    return _current.get() or (_last[-1] if _last else None)


def checkpoint_dir() -> Path:
    """Return the folder that belongs to this trial's configuration, for what shall outlive its process.

    Each attempt at a configuration, after a death, a signal or a resume, gets the same one. It is made when it is first
    asked for.

    Returns:
        An absolute path below `hydra.sweeper.checkpoint_path`; in a run without a sweep `checkpoints` in the run's own
        folder.
    """
    found = _running()
    if found is not None and found.checkpoints is not None:
        folder = found.checkpoints
    elif above := _above().get("checkpoints"):
        folder = Path(above)
    else:
        folder = _own_folder() / "checkpoints"
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        if found is not None and (study := getattr(found.trial, "study", None)) is not None:
            (folder / MARK).write_text(study.study_name, encoding="utf-8")
    return folder


def _own_folder() -> Path:
    from hydra.core.hydra_config import HydraConfig

    return Path(HydraConfig.get().runtime.output_dir if HydraConfig.initialized() else ".").absolute()


def last_step() -> int | None:
    """Return the last step that earlier attempts at this configuration reported; None for a first attempt."""
    found = _running()
    if found is not None and found.checkpoints is not None:
        return found.last_step
    step: int | None = _above().get("last_step")
    return step


def _above() -> dict[str, Any]:
    """Return what is known of the trial whose function started this process, as a rank or otherwise."""
    return dict(json.loads(os.environ.get(TRIAL, "{}")))


def target_step() -> int | None:
    """Return how many steps this trial is to run, where `hydra.sweeper.fidelity` says so; None for all."""
    found = _running()
    return None if found is None else found.target


def on_stop(save: Callable[[], None]) -> None:
    """Call `save` when this trial's worker has to stop: Ctrl-C, SIGTERM, or what a cluster announces a job's end with.

    It is called in the main thread, after the function was interrupted, and has a few seconds: a worker that has not
    stopped 8 s after the signal is ended. Outside a sweep nothing is called.

    Args:
        save: takes no arguments; writes to `checkpoint_dir()`, say.
    """
    found = _running()
    if found is not None:
        found.saves.append(save)


def save_now() -> None:
    """Call what the running trial's function wants called when its worker has to stop."""
    found = _running()
    for save in found.saves if found else ():
        try:
            save()
        except Exception:
            log.exception("What on_stop was given failed")


def report(value: float, step: int) -> None:
    """Report an intermediate value of the objective, and end the trial here if the pruner says so.

    Args:
        value: the objective so far; better in the study's direction.
        step: which step (epoch, say) it belongs to, from 0. A step that was reported before is ignored by Optuna.

    Raises:
        optuna.TrialPruned: when the pruner finds the trial not worth going on with. Let it pass.
        QGTuneError: when the study has several objectives: no one value tells how good such a trial is.
    """
    trial = current_trial()
    try:
        trial.report(value, step)
    except NotImplementedError:
        raise QGTuneError(
            "Cannot report a value: the study has several objectives, and its trials are not pruned. "
            "Take qgtune.report out, or log the value yourself."
        ) from None
    if trial.should_prune():
        raise optuna.TrialPruned(f"pruned at step {step}")


def set_constraint(name: str, value: float) -> None:
    """Say how far the trial violates a constraint: a trial that violates one is never the best.

    Samplers that know of constraints (TPE, NSGA-II, NSGA-III and GP) keep away from such values.

    Args:
        name: of the constraint.
        value: zero or less where it holds; the higher above zero, the worse. The first value of a trial counts.

    Raises:
        QGTuneError: when Optuna is older than 5.0.
        TypeError: when `value` is no number.
        ValueError: when it is NaN.
    """
    trial = current_trial()
    if not hasattr(trial, "set_constraint"):
        raise QGTuneError(f"Cannot set a constraint: Optuna {optuna.__version__} has none. Install optuna>=5.")
    trial.set_constraint(name, value)


@contextmanager
def running(trial: Any, checkpoints: Path | None = None) -> Iterator[Running]:
    """Make `trial` the current one, also for the threads that the user's function starts.

    Args:
        trial: it.
        checkpoints: where the folders of all configurations are; None for nowhere.
    """
    found = Running(trial)
    if checkpoints is not None:
        found.checkpoints = checkpoints / getattr(trial, "place", str(trial.number))
        found.last_step = max(getattr(trial, "earlier_reports", {}), default=None)
    token = _current.set(found)
    _last.append(found)
    try:
        yield found
    finally:
        _last.remove(found)
        _current.reset(token)
