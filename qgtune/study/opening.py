"""Opening a study, and creating it where it is not yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
from optuna.study import StudyDirection

from qgtune.errors import QGTuneError
from qgtune.study import optuna_private
from qgtune.study.algorithms.factory import build_pruner, build_sampler
from qgtune.study.objectives import Objectives
from qgtune.study.repeats.sampling import OncePerConfiguration
from qgtune.study.session import Session
from qgtune.study.storages.addresses import safe
from qgtune.study.storages.exclusive import OneAtATime, exclusively
from qgtune.study.storages.opening import file_exists, heartbeats_of, is_memory, open_storage

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

    from qgtune.study.attempts.limits import Limits
    from qgtune.study.spec import StudySpec

STREAMS = "qgtune:random_streams"
"""The study's attribute that counts the random streams that were drawn."""


def open_session(
    spec: StudySpec, limits: Limits, storage: BaseStorage | None = None, *, samples: bool = True
) -> Session:
    """Open the study, and create it if it does not exist.

    Args:
        spec: the study.
        limits: when it ends.
        storage: an open storage to use; None opens `spec.storage`.
        samples: whether trials will be asked for; if so, the session draws a random stream of its own.

    Raises:
        QGTuneError: when the storage cannot be opened, the study there has other directions, or the sampler or the
            pruner cannot be built.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # its lines at INFO would repeat each trial of ours
    if storage is None:
        storage = open_storage(spec.storage)
    study = _create_or_load(spec, storage)
    # A sampler that is through calls `stop`, which Optuna allows inside `optimize` only; the limits bound it here.
    study.stop = _no_stop  # type: ignore[method-assign]
    heartbeats = heartbeats_of(storage, optuna_private.id_of(study))
    limits = replace(limits, maximize=spec.objectives.maximize)
    if limits.repeats is not None and not isinstance(storage, OneAtATime):
        raise QGTuneError(
            f"Cannot keep repeats in {safe(spec.storage)}: it has no lock, which whoever ends a configuration needs. "
            "Give another hydra.sweeper.storage, such as a journal file or the database behind it."
        )
    session = Session(study, limits, spec.objectives, heartbeats=heartbeats, settings=spec.settings, folder=spec.folder)
    session.take_names()
    if samples:
        _give_sampler(session, spec)
    return session


def _give_sampler(session: Session, spec: StudySpec) -> None:
    """Give the study a sampler with a random stream of its own."""
    conf = spec.sampler or {"_target_": f"optuna.samplers.{type(session.study.sampler).__name__}"}

    def build(*stream: int) -> None:
        seed = None if spec.seed is None else _stream_seed(spec.seed, *stream)
        sampler = spec.knowledge.given_to(build_sampler(conf, seed) or session.study.sampler, seed)
        session.study.sampler = sampler if session.limits.repeats is None else OncePerConfiguration(sampler)

    if spec.seed is None:
        build()
    elif isinstance(session.storage, OneAtATime):
        build(exclusively(session.storage, lambda: _next_stream(session.study)))
    else:  # only trial numbers are told apart there; 1 keeps these streams apart from the counted ones
        session.reseed = lambda number: build(number, 1)


def study_exists(spec: StudySpec) -> bool:
    """Say whether the study is in its storage, without making either a file or a study."""
    if is_memory(spec.storage) or not file_exists(spec.storage):
        return False
    return spec.name in optuna.get_all_study_names(open_storage(spec.storage))


def _create_or_load(spec: StudySpec, storage: BaseStorage) -> optuna.Study:
    def create() -> optuna.Study:
        return optuna.create_study(
            study_name=spec.name,
            storage=storage,
            directions=[StudyDirection[direction.upper()] for direction in spec.objectives.directions],
            sampler=build_sampler(spec.sampler, spec.seed),
            pruner=build_pruner(spec.pruner),
            load_if_exists=True,
        )

    study = exclusively(storage, create)
    known = Objectives.of(study).directions
    if known != spec.objectives.directions:
        raise QGTuneError(
            f"Cannot use study {spec.name!r} of {safe(spec.storage)}: its direction is {', '.join(known)}, "
            f"not {', '.join(spec.objectives.directions)}. Give that direction, or another study_name."
        )
    return study


def _next_stream(study: optuna.Study) -> int:
    """Draw the next of the study's random streams, so that no two workers and no resumed run share one."""
    stream: int = study.user_attrs.get(STREAMS, 0)
    study.set_user_attr(STREAMS, stream + 1)
    return stream


def _stream_seed(seed: int, *stream: int) -> int:
    import numpy as np

    return int(np.random.SeedSequence([seed, *stream]).generate_state(1)[0])


def _no_stop() -> None:
    """Go on: how many trials there are is for the limits to say."""
