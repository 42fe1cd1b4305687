"""Trying what only a trial uses, before the first one: sampler and pruner, `custom_search_space`, the job's folder."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import QGTuneError, first_line
from qgtune.space.reading.build import IN_JOBS_ONLY
from qgtune.study.attempts.limits import Limits
from qgtune.study.objectives import Objectives
from qgtune.study.opening import open_session
from qgtune.study.outcome import Outcome
from qgtune.study.spec import StudySpec
from qgtune.sweep.workers.job import override_dirname, set_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgtune.study.session import Session
    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.compose.trial_config import TrialConfig
    from qgtune.sweep.settings import Settings

N_DRAWS, DRAWING_S = 1000, 2.0
N_TRIALS = 2  # from the second one on a sampler has something to go by
_MAX_NAME_BYTES = 255


def rehearse(composition: Composition, settings: Settings, folder: Path) -> None:
    """Go through two trials of a study in memory, which nobody keeps, but for the user's function.

    Args:
        composition: where the values come from.
        settings: of the sweep.
        folder: the sweep folder; nothing is written there.

    Raises:
        QGTuneError: when the sampler or the pruner cannot work with its arguments, `custom_search_space` cannot be
            found, raises, or suggests what the config does not have, or a job's folder cannot be named.
    """
    combination = next(iter(composition.combinations.values()), None)
    if combination is None:
        return
    if composition.custom is None and combination.space.hyperparameters:
        with _said("sampler", settings.sampler):
            session = _session(settings.sampler, settings)
            for _ in range(N_TRIALS):
                _finish(session, combination.space.suggest)
        if len(settings.direction) == 1:
            with _said("pruner", settings.pruner):
                _finish(_session(None, settings), _report)
    if settings.where:
        _check_where(composition)
    _check_folder(_placed(composition), folder)


def _check_where(composition: Composition) -> None:
    """Find a draw that satisfies all constraints.

    Raises:
        QGTuneError: with the constraint that was violated most, when there is none among many.
    """
    violated: Counter[str] = Counter()
    for broken in _draws(composition):
        if not broken:
            return
        violated[broken] += 1
    text, _count = violated.most_common(1)[0]
    raise QGTuneError(
        f"Cannot start: none of {violated.total():,} random draws satisfies hydra.sweeper.where. Most violate "
        f"{text!r}. Widen the ranges or the condition."
    )


def share_satisfying(composition: Composition) -> str:
    """Say how many random draws satisfy the constraints."""
    found = list(_draws(composition))
    return f"{sum(not broken for broken in found) / len(found):.0%} of {len(found):,} random draws satisfy it"


def _draws(composition: Composition) -> Iterator[str]:
    """Draw at random for a while; yield the constraint that each draw violates, or the empty text."""
    deadline_s = time.monotonic() + DRAWING_S
    for broken in islice(composition.violations(), N_DRAWS):
        yield broken
        if time.monotonic() > deadline_s:
            return


def _session(sampler: Any, settings: Settings) -> Session:
    random = {"_target_": "optuna.samplers.RandomSampler"}
    spec = StudySpec("rehearsal", None, settings.direction, sampler or random, settings.pruner, settings.seed or 0)
    return open_session(spec, Limits(N_TRIALS + 1))


def _finish(session: Session, act: Any) -> None:
    trial: Any = session.next_trial()
    act(trial)
    session.finish(trial, Outcome("complete", (0.0,) * len(session.objectives)))


def _report(trial: Any) -> None:
    trial.report(0.0, 0)
    trial.should_prune()


@contextmanager
def _said(kind: str, conf: Any) -> Iterator[None]:
    try:
        yield
    except QGTuneError:
        raise
    except Exception as error:
        target = (conf or {}).get("_target_", "")
        raise QGTuneError(
            f"Cannot use hydra/sweeper/{kind}, {target}: it raised {type(error).__name__}: {first_line(error)}. "
            "Look at its arguments."
        ) from error


def _placed(composition: Composition) -> TrialConfig:
    """Return the config of a trial, with what `custom_search_space` suggests."""
    custom = composition.custom
    if custom is not None:
        custom.check()
    spec = StudySpec("rehearsal", None, Objectives(), {"_target_": "optuna.samplers.RandomSampler"}, seed=0)
    try:
        return composition.sample(open_session(spec, Limits(1)).next_trial())
    except QGTuneError:
        raise
    except Exception as error:
        if custom is None:
            raise
        raise QGTuneError(
            f"Cannot use hydra.sweeper.custom_search_space={custom.name}: it raised {type(error).__name__}: "
            f"{first_line(error)}."
        ) from error


def _check_folder(placed: TrialConfig, folder: Path) -> None:
    whole, key = placed.whole, "hydra.sweep.subdir"
    try:
        texts, _ = placed.overrides()
        set_job(whole, folder, 0, texts, override_dirname([*placed.base, *placed.sampled()], whole))
    except OmegaConfBaseException as error:
        if IN_JOBS_ONLY in str(error):
            return
        raise QGTuneError(f"Cannot use {key}: {first_line(error)}.") from None
    parts = Path(whole.hydra.runtime.output_dir).parts
    if too_long := [part for part in parts if len(os.fsencode(part)) > _MAX_NAME_BYTES]:
        name = f"{too_long[0][:30]}…"
        raise QGTuneError(
            f"Cannot make the folder {name!r}: a name has no more than {_MAX_NAME_BYTES} bytes. Shorten {key}, or "
            "hydra.sweep.dir."
        )
