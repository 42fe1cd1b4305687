"""`qgtune add`, `stop`, `finish`, `pause`, `go`, `workers` and `wait`: what is done with a sweep that runs."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from qgtune.command.answers.answer import JSON, answer
from qgtune.command.common import SOURCE, STUDY, source_and_rest

if TYPE_CHECKING:
    import optuna

    from qgtune.study.attempts.control import Control
    from qgtune.study.fixed_settings import Workers

NOT_REACHED = 3


def _study(source: str, study_name: str | None) -> optuna.Study:
    from qgtune.results.source import open_source

    return open_source(source, study_name).study


@click.command()
@click.argument("values", nargs=-1, required=True, metavar="[SOURCE] PATH=VALUE...")
@STUDY
@JSON
def add(values: tuple[str, ...], study_name: str | None) -> None:
    """Queue a point: one of the next trials has these values, and what is left out is sampled. It counts in n_trials.

    \b
    qgtune add multirun/2026-11-24/10-35-20 training.lr=0.01 model.width=64
    """  # noqa: D301 - click's mark for a paragraph to leave as it is
    from qgtune.command.answers.shapes import Queued
    from qgtune.errors import QGTuneError
    from qgtune.results.opened import open_study
    from qgtune.space.reading.yaml_files import load_yaml

    source, values = source_and_rest(values, lambda word: "=" in word and "://" not in word)
    pairs = [text.partition("=") for text in values]
    if problems := [
        f"Cannot add {name!r}: give path=value of a hyperparameter." for name, sign, _ in pairs if not sign
    ]:
        raise QGTuneError(*problems)
    opened = open_study(source, study_name)
    point = opened.add({name: load_yaml(given, "the value") for name, _, given in pairs})
    answer(Queued(opened.name, point), f"Queued: {', '.join(f'{path}={value}' for path, value in point.items())}")


@click.command()
@SOURCE
@click.option("--trial", "number", required=True, type=click.IntRange(min=0), help="Which one.")
@click.option("--prune", is_flag=True, help="It counts as pruned; else it has failed.")
@STUDY
@JSON
def stop(source: str, number: int, prune: bool, study_name: str | None) -> None:  # noqa: FBT001 - click's
    """End a running trial of a sweep; its worker goes on with another.

    \b
    qgtune stop multirun/2026-11-24/10-35-20 --trial 7 --prune
    """  # noqa: D301 - as above
    from qgtune.errors import QGTuneError
    from qgtune.results.configurations import number_of
    from qgtune.study.attempts.control import Control, steer

    study = _study(source, study_name)
    trials = study.get_trials(deepcopy=False)
    found = [one.number for one in trials if not one.state.is_finished() and number in (one.number, number_of(one))]
    if not found:
        raise QGTuneError(f"Cannot stop trial {number}: it does not run.")
    for one in found:  # several where its configuration has repeats
        steer(study, functools.partial(Control.with_stop, number=one, end="pruned" if prune else "failed"))
    _answer(study, f"Trial {number} is told to stop.")


@click.command()
@SOURCE
@STUDY
@JSON
def finish(source: str, study_name: str | None) -> None:
    """Let a sweep start no more trials: those that run finish, the results are written, and it ends.

    \b
    qgtune finish multirun/2026-11-24/10-35-20
    """  # noqa: D301 - as above
    _steer(source, study_name, "No more trials start.", finish=True)


@click.command()
@SOURCE
@STUDY
@JSON
def pause(source: str, study_name: str | None) -> None:
    """Let a sweep start no trial until `qgtune go`; those that run finish.

    \b
    qgtune pause multirun/2026-11-24/10-35-20
    """  # noqa: D301 - as above
    _steer(source, study_name, "No trial starts until: qgtune go", pause=True)


@click.command()
@SOURCE
@STUDY
@JSON
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

    study = _study(source, study_name)
    steer(study, change)
    _answer(study, said)


def _answer(study: optuna.Study, said: str) -> None:
    from qgtune.command.answers.shapes import Steered
    from qgtune.study.attempts.control import Control

    control = Control.of(study)
    answer(Steered(study.study_name, control.finish, control.pause, dict(control.stops)), said)


@click.command()
@click.argument("words", nargs=-1, metavar="[SOURCE] [COUNT]")
@STUDY
@JSON
def workers(words: tuple[str, ...], study_name: str | None) -> None:
    """Give a sweep that runs COUNT workers; without COUNT, say how many it has.

    Those beyond leave as soon as their trial has ended. On GPUs there may be as many as have a place.

    \b
    qgtune workers multirun/2026-11-24/10-35-20 2
    """  # noqa: D301 - as above
    from qgtune.command.answers.shapes import Crewed, SweepWorkers
    from qgtune.errors import QGTuneError
    from qgtune.results.sweeps import session_beside
    from qgtune.study.attempts.control import Control, steer
    from qgtune.study.fixed_settings import workers_now

    source, counts = source_and_rest(words, str.isdigit)
    if len(counts) > 1 or not all(text.isdigit() and int(text) for text in counts):
        raise click.UsageError("Give one number of workers, from 1 on.", click.get_current_context())
    count = int(counts[0]) if counts else None
    study = _study(source, study_name)
    sweeps = workers_now(session_beside(study))
    if not sweeps:
        raise QGTuneError("Cannot change the workers: no sweep runs on the study. Give hydra.sweeper.n_jobs to one.")
    if count is not None:
        for owner, found in sweeps.items():
            _check_workers(f"the sweep of process {owner.pid} on {owner.host}", found, count)
        for owner in sweeps:
            steer(study, functools.partial(Control.with_workers, sweep=owner.name, count=count))
    wanted = Control.of(study).workers
    now = [SweepWorkers(owner.pid, owner.host, wanted.get(owner.name, one.n_workers)) for owner, one in sweeps.items()]
    lines = [f"{one.n_workers} workers: process {one.pid} on {one.host}." for one in now]
    answer(Crewed(study.study_name, tuple(now)), "\n".join(lines))


def _check_workers(sweep: str, found: Workers, count: int) -> None:
    from qgtune.errors import QGTuneError

    if found.fixed:
        raise QGTuneError(f"Cannot change the workers of {sweep}: {found.fixed}.")
    if found.n_places is not None and count > found.n_places:
        raise QGTuneError(
            f"Cannot give {sweep} {count} workers: its GPUs have {found.n_places} places. Start it again with a "
            "higher hydra.launcher.workers_per_gpu."
        )


@click.command()
@SOURCE
@click.option("--value", type=float, help="Until the best value is this one or better.")
@click.option("--timeout", type=click.FloatRange(min=0), help="For no more than so many seconds.")
@STUDY
@JSON
def wait(source: str, value: float | None, timeout: float | None, study_name: str | None) -> int:
    """Wait until no sweep runs on the study any more. The exit code is 3 when it does, or is not good enough, in time.

    \b
    qgtune wait multirun/2026-11-24/10-35-20 --value 0.95 --timeout 3600
    """  # noqa: D301 - as above
    from qgtune.command.answers.shapes import Waited
    from qgtune.results.opened import open_study

    opened = open_study(source, study_name)
    why = opened.wait(value, timeout_s=timeout)
    reached = why == "value" or (why == "ended" and value is None)
    front = opened.front
    best = front[0].values[0] if len(opened.study.directions) == 1 and front else None
    said = {"value": f"The best value is {best:g}." if best is not None else "The value is reached."}
    said |= {"ended": "No sweep runs on the study.", "timeout": "The time is over."}
    answer(Waited(opened.name, why, reached, best), said[why])
    return 0 if reached else NOT_REACHED
