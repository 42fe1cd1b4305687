"""What each verb answers with `--json`: these classes are the published format.

Fields are only ever added. `qgtune schema VERB` prints the JSON schema that is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Objective:
    """What a study is after.

    Attributes:
        name: `value` where the study gives it no other.
        direction: which way is better.
    """

    name: str
    direction: Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class Range:
    """What a hyperparameter is sampled from.

    Attributes:
        type: of the distribution.
        low: the least value; null of a categorical one, as the next three.
        high: the greatest value.
        log: whether it is sampled on a logarithmic scale.
        step: between the values; null if there is none.
        choices: of a categorical one; else null.
    """

    type: Literal["float", "int", "categorical"]
    low: float | None = None
    high: float | None = None
    log: bool | None = None
    step: float | None = None
    choices: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """A study as a whole.

    Attributes:
        name: of the study.
        storage: where it is kept, without a password.
        folder: the sweep folder; null where it was named by its storage.
        state: whether a sweep is known to run on it.
        objectives: in order.
        n_trials: how many there are in each state; a state without any is left out.
        best: the numbers of the best trials: one, or those of the Pareto front, or none.
        started: when the first trial started, ISO 8601; null before that.
        ended: when the last one that has ended did so.
        hyperparameters: the latest range of each, by path.
    """

    name: str
    storage: str
    folder: str | None
    state: Literal["runs", "ended"]
    objectives: tuple[Objective, ...]
    n_trials: dict[str, int]
    best: tuple[int, ...]
    started: str | None
    ended: str | None
    hyperparameters: dict[str, Range]


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial.

    Attributes:
        number: from 0 on, also the name of its folder.
        state: Optuna's; a trial that paused is pruned there.
        end: how the attempt ended; null while it runs.
        repeats: the number of the first attempt at the same configuration; null for a first one.
        values: by objective, null for none; of a pruned trial, the last that it reported.
        started: ISO 8601 with a time zone; null before that.
        ended: as `started`.
        duration_s: in seconds; null until it has ended.
        params: its hyperparameters by path, lists and mappings as such.
        intermediate_values: what it reported, by step.
        reason: why it failed; null if it did not.
    """

    number: int
    state: Literal["complete", "pruned", "failed", "running", "waiting"]
    end: Literal["complete", "pruned", "paused", "failed", "returned", "lost", "withdrawn"] | None
    repeats: int | None
    values: dict[str, float | None]
    started: str | None
    ended: str | None
    duration_s: float | None
    params: dict[str, Any]
    intermediate_values: dict[str, float]
    reason: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What `qgtune show` answers.

    Attributes:
        study: all of it, whatever trials are asked for.
        trials: those that were asked for, in that order.
    """

    study: StudyFacts
    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True)
class BestTrial:
    """One of the best trials.

    Attributes:
        number: of the trial.
        values: by objective.
        params: its hyperparameters by path.
        folder: of its job; null if there is none here.
        config: the file with its whole config; null if there is none.
    """

    number: int
    values: dict[str, float]
    params: dict[str, Any]
    folder: str | None
    config: str | None


@dataclass(frozen=True, slots=True)
class Best:
    """What `qgtune best` answers.

    Attributes:
        study: its name.
        trials: the best one, or the Pareto front, or the one of it that was asked for.
    """

    study: str
    trials: tuple[BestTrial, ...]


@dataclass(frozen=True, slots=True)
class ListedSweep:
    """One sweep of a list.

    Attributes:
        folder: of the sweep.
        study: its study's name; null if it cannot be opened.
        state: `unknown` if the study cannot be opened.
        problem: why it cannot be opened; null if it can.
        n_finished: how many of its trials are complete, pruned or failed.
        best: the best value; null for none, or several objectives.
    """

    folder: str
    study: str | None
    state: Literal["runs", "ended", "unknown"]
    problem: str | None
    n_finished: int
    best: float | None


@dataclass(frozen=True, slots=True)
class Listed:
    """What `qgtune list` answers.

    Attributes:
        sweeps: the newest first.
        n_more: how many older ones `--limit` left out.
    """

    sweeps: tuple[ListedSweep, ...]
    n_more: int


@dataclass(frozen=True, slots=True)
class Queued:
    """What `qgtune add` answers.

    Attributes:
        study: its name.
        point: the values that one of the next trials has, by path.
    """

    study: str
    point: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Steered:
    """What `qgtune finish`, `pause`, `go` and `stop` answer: what is wanted of the sweep from here on.

    Attributes:
        study: its name.
        finish: no more trials start, and it ends.
        pause: no trial starts for now.
        stop: the trials that are told to end, and as what.
    """

    study: str
    finish: bool
    pause: bool
    stop: dict[str, str]


@dataclass(frozen=True, slots=True)
class Waited:
    """What `qgtune wait` answers.

    Attributes:
        study: its name.
        why: no sweep runs any more, the value is reached, or the time is over.
        reached: whether that is what was waited for; the exit code is 3 if not.
        best: the best value; null for none, or several objectives.
    """

    study: str
    why: Literal["ended", "value", "timeout"]
    reached: bool
    best: float | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What `qgtune settle` answers.

    Attributes:
        study: its name.
        trials: the numbers of those that are lost.
    """

    study: str
    trials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RemovedFolder:
    """A folder of checkpoints.

    Attributes:
        folder: where it is, or was.
        size_bytes: how much it holds.
    """

    folder: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What `qgtune clean` answers.

    Attributes:
        removed: what was removed, or would be.
        size_bytes: of all of them.
        dry_run: nothing was removed.
    """

    removed: tuple[RemovedFolder, ...]
    size_bytes: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A problem of a file.

    Attributes:
        file: the file; null if it is of none.
        line: from 1 on; null without a file.
        column: as `line`.
        kind: an error keeps a sweep from starting, a warning does not.
        text: what is wrong, and what to do.
    """

    file: str | None
    line: int | None
    column: int | None
    kind: Literal["error", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class CheckedFiles:
    """What `qgtune check` answers; the exit code is 1 if there is an error.

    Attributes:
        findings: by file and line.
        n_errors: how many of them are errors.
        n_hyperparameters: of the space; null if it cannot be built.
        n_dependencies: as `n_hyperparameters`.
    """

    findings: tuple[Found, ...]
    n_errors: int
    n_hyperparameters: int | None
    n_dependencies: int | None


@dataclass(frozen=True, slots=True)
class Converted:
    """What `qgtune convert` answers.

    Attributes:
        files: what was written.
        notices: what could not be carried over as it stood.
        n_hyperparameters: of the space.
        n_dependencies: between values.
    """

    files: tuple[str, ...]
    notices: tuple[str, ...]
    n_hyperparameters: int
    n_dependencies: int


@dataclass(frozen=True, slots=True)
class Reported:
    """What `qgtune report` answers.

    Attributes:
        page: the file.
        pictures: those that were asked for.
    """

    page: str
    pictures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """What `qgtune dashboard` answers before it serves.

    Attributes:
        study: its name.
        address: of the page, on this machine.
    """

    study: str
    address: str


@dataclass(frozen=True, slots=True)
class Command:
    """What `qgtune resume` and `rerun` answer: the command, which `--json` does not run.

    Attributes:
        command: program and arguments.
        folder: to run it in.
        trial: whose config it is; null for a whole sweep.
        differences: what differs from the config that the trial had.
    """

    command: tuple[str, ...]
    folder: str
    trial: int | None = None
    differences: tuple[str, ...] = ()


ANSWERS: dict[str, type] = {
    "add": Queued,
    "best": Best,
    "check": CheckedFiles,
    "clean": Cleaned,
    "convert": Converted,
    "dashboard": Served,
    "finish": Steered,
    "go": Steered,
    "list": Listed,
    "pause": Steered,
    "report": Reported,
    "rerun": Command,
    "resume": Command,
    "settle": Settled,
    "show": Shown,
    "stop": Steered,
    "wait": Waited,
}
"""What each verb answers, by the verb's name."""
