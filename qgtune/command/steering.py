"""`qgtune add`, `stop`, `finish`, `pause`, `go`, `workers` and `wait`: what is done with a sweep that runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.common import SOURCE, STUDY

if TYPE_CHECKING:
    import optuna

    from qgtune.study.attempts.control import Control

POLL_S = 1.0
NOT_REACHED = 3


def _study(source: str, study_name: str | None) -> optuna.Study:
    from qgtune.results.source import open_source

    return open_source(source, study_name).study


@click.command(short_help="Queue a point for a sweep that runs.")
@SOURCE
@click.argument("values", nargs=-1, required=True, metavar="PATH=VALUE...")
@STUDY
def add(source: str, values: tuple[str, ...], study_name: str | None) -> None:
    """Queue a point: one of the next trials has these values, and what is left out is sampled. It counts in n_trials.

    \b
    qgtune add multirun/2026-11-24/10-35-20 training.lr=0.01 model.width=64
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.errors import QGTuneError, did_you_mean
    from qgtune.space.model import Hyperparameter
    from qgtune.space.paths import format_path, parse_path
    from qgtune.space.reading.yaml_files import load_yaml
    from qgtune.space.stored import from_stored
    from qgtune.space.wording import words
    from qgtune.study.optuna_private import storage_of
    from qgtune.study.storages.exclusive import exclusively

    study = _study(source, study_name)
    known = {path: found for trial in study.get_trials(deepcopy=False) for path, found in trial.distributions.items()}
    point: dict[str, Any] = {}
    for text in values:
        name, sign, given = text.partition("=")
        path = format_path(parse_path(name)) if name else ""
        if not sign or path not in known:
            hint = did_you_mean(path, known) if known else " No trial of the study has values yet."
            raise QGTuneError(f"Cannot add {text!r}: give path=value of a hyperparameter.{hint}")
        distribution = known[path]
        choices = tuple(from_stored(choice, distribution) for choice in getattr(distribution, "choices", ()))
        try:
            point[path] = Hyperparameter(path, distribution, "", choices).encode(load_yaml(given, "the value"))
        except ValueError:
            raise QGTuneError(f"Cannot add {text!r}: it is not {words(distribution)}.") from None
    exclusively(storage_of(study), lambda: study.enqueue_trial(point))
    click.echo(f"Queued: {', '.join(f'{path}={value}' for path, value in point.items())}")


@click.command(short_help="End a running trial.")
@SOURCE
@click.option("--trial", "number", required=True, type=click.IntRange(min=0), help="Which one.")
@click.option("--prune", is_flag=True, help="It counts as pruned; else it has failed.")
@STUDY
def stop(source: str, number: int, prune: bool, study_name: str | None) -> None:  # noqa: FBT001 - click's
    """End a running trial of a sweep; its worker goes on with another.

    \b
    qgtune stop multirun/2026-11-24/10-35-20 --trial 7 --prune
    """  # noqa: D301 - as above
    from qgtune.errors import QGTuneError
    from qgtune.study.attempts.control import steer

    study = _study(source, study_name)
    trials = study.get_trials(deepcopy=False)
    if number >= len(trials) or trials[number].state.is_finished():
        raise QGTuneError(f"Cannot stop trial {number}: it does not run.")
    steer(study, lambda control: control.with_stop(number, "pruned" if prune else "failed"))
    click.echo(f"Trial {number} is told to stop.")


@click.command(short_help="Let a sweep start no more trials, and end.")
@SOURCE
@STUDY
def finish(source: str, study_name: str | None) -> None:
    """Let a sweep start no more trials: those that run finish, the results are written, and it ends.

    \b
    qgtune finish multirun/2026-11-24/10-35-20
    """  # noqa: D301 - as above
    _steer(source, study_name, "No more trials start.", finish=True)


@click.command(short_help="Let a sweep start no trial for now.")
@SOURCE
@STUDY
def pause(source: str, study_name: str | None) -> None:
    """Let a sweep start no trial until `qgtune go`; those that run finish.

    \b
    qgtune pause multirun/2026-11-24/10-35-20
    """  # noqa: D301 - as above
    _steer(source, study_name, "No trial starts until: qgtune go", pause=True)


@click.command(short_help="Let a paused sweep go on.")
@SOURCE
@STUDY
def go(source: str, study_name: str | None) -> None:
    """Let a paused sweep start trials again.

    \b
    qgtune go multirun/2026-11-24/10-35-20
    """  # noqa: D301 - as above
    _steer(source, study_name, "Trials start again.", pause=False)


def _steer(source: str, study_name: str | None, said: str, **wanted: bool) -> None:
    from qgtune.study.attempts.control import steer

    def change(control: Control) -> Control:
        return replace(control, **wanted)  # type: ignore[arg-type]

    steer(_study(source, study_name), change)
    click.echo(said)


@click.command(short_help="Give a sweep that runs more or fewer workers.")
@SOURCE
@click.argument("count", required=False, type=click.IntRange(min=1))
@STUDY
def workers(source: str, count: int | None, study_name: str | None) -> None:
    """Give a sweep that runs COUNT workers; without COUNT, say how many it has.

    Those beyond leave as soon as their trial has ended. On GPUs there may be as many as have a place.

    \b
    qgtune workers multirun/2026-11-24/10-35-20 2
    """  # noqa: D301 - as above
    from qgtune.errors import QGTuneError
    from qgtune.study.attempts.control import Control, steer
    from qgtune.study.attempts.ledger import Limits
    from qgtune.study.fixed_settings import workers_now
    from qgtune.study.session import Session

    study = _study(source, study_name)
    sweeps = workers_now(Session(study, Limits(1)))
    if not sweeps:
        raise QGTuneError("Cannot change the workers: no sweep runs on the study. Give hydra.sweeper.n_jobs to one.")
    for owner, found in sweeps.items():
        sweep = f"the sweep of process {owner.pid} on {owner.host}"
        if count is not None and found.fixed:
            raise QGTuneError(f"Cannot change the workers of {sweep}: {found.fixed}.")
        if count is not None and found.n_places is not None and count > found.n_places:
            raise QGTuneError(
                f"Cannot give {sweep} {count} workers: its GPUs have {found.n_places} places. Start it again with a "
                "higher hydra.launcher.workers_per_gpu."
            )
    for owner, found in sweeps.items():
        if count is not None:
            steer(study, lambda control, name=owner.name: control.with_workers(name, count))  # type: ignore[misc]
        n_workers = Control.of(study).workers.get(owner.name, found.n_workers)
        click.echo(f"{n_workers} workers: process {owner.pid} on {owner.host}.")


@click.command(short_help="Wait until a sweep has ended, or is good enough.")
@SOURCE
@click.option("--value", type=float, help="Until the best value is this one or better.")
@click.option("--timeout", type=click.FloatRange(min=0), help="For no more than so many seconds.")
@STUDY
def wait(source: str, value: float | None, timeout: float | None, study_name: str | None) -> int:
    """Wait until no sweep runs on the study any more. The exit code is 3 when it does, or is not good enough, in time.

    \b
    qgtune wait multirun/2026-11-24/10-35-20 --value 0.95 --timeout 3600
    """  # noqa: D301 - as above
    import time

    from qgtune.results.best import best_trials
    from qgtune.study.attempts.ledger import Limits
    from qgtune.study.attempts.submission import awaits_submitted
    from qgtune.study.fixed_settings import runs_now, workers_now
    from qgtune.study.objectives import is_better
    from qgtune.study.optuna_private import id_of, storage_of
    from qgtune.study.session import Session
    from qgtune.study.storages.opening import heartbeats_of

    study = _study(source, study_name)
    session = Session(study, Limits(1), heartbeats=heartbeats_of(storage_of(study), id_of(study)))
    deadline_s = None if timeout is None else time.monotonic() + timeout
    maximize = [direction.name == "MAXIMIZE" for direction in session.study.directions]
    while True:
        best = best_trials(session.study)
        if value is not None and best and not is_better((value,), (best[0].values[0],), maximize[:1]):
            click.echo(f"The best value is {best[0].values[0]:g}.")
            return 0
        if awaits_submitted(session) and not workers_now(session):
            session.end_dead()
        if not runs_now(session):
            click.echo("No sweep runs on the study.")
            return 0 if value is None else NOT_REACHED
        if deadline_s is not None and time.monotonic() >= deadline_s:
            click.echo("The time is over.")
            return NOT_REACHED
        time.sleep(POLL_S)
