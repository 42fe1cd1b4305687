"""What each verb answers with `--json`: these classes, and those of `looks`, are the published format.

Fields are only ever added. `qgtune schema VERB` prints the JSON schema that is made of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from qgtune.command.answers.looks import Best, Compared, Listed, Shown
from qgtune.results.proof.ablation import Ablation
from qgtune.results.proof.confirmation import Confirmed  # noqa: TC001 - the schema is made of it


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
class SweepWorkers:
    """The workers of a sweep.

    Attributes:
        pid: of the sweep's process.
        host: where it runs.
        n_workers: how many it is to have.
    """

    pid: int
    host: str
    n_workers: int


@dataclass(frozen=True, slots=True)
class Crewed:
    """What `qgtune workers` answers.

    Attributes:
        study: its name.
        sweeps: those that run on it now.
    """

    study: str
    sweeps: tuple[SweepWorkers, ...]


@dataclass(frozen=True, slots=True)
class Submitted:
    """What `qgtune submit` answers.

    Attributes:
        folder: of the sweep.
        launcher: that took the workers; empty where the sweep itself runs in the background.
        n_workers: how many there are.
        pid: of the sweep's process; with a launcher, one that has ended.
        caution: what the sweep will not do, a sentence; empty for nothing.
    """

    folder: str
    launcher: str
    n_workers: int
    pid: int
    caution: str


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


@dataclass(frozen=True, slots=True)
class ConfirmedTrials:
    """What `qgtune confirm` answers, and leaves in `confirm/confirm.json`.

    Attributes:
        best: the number of the best trial; null where of each a run failed.
        is_established: whether the runs tell it from all others.
        study: the name of the search's.
        direction: which way is better.
        path: of the seed.
        seeds: the fresh ones.
        trials: what each is worth, the best first, and then those of which a run failed.
        rivals: the numbers of those that the runs do not tell from the best.
        is_constant: whether each configuration gave the same value on every seed.
    """

    best: int | None
    is_established: bool
    study: str
    direction: Literal["minimize", "maximize"]
    path: str
    seeds: tuple[int, ...]
    trials: tuple[Confirmed, ...]
    rivals: tuple[int, ...]
    is_constant: bool


ANSWERS: dict[str, type] = {
    "ablate": Ablation,
    "add": Queued,
    "best": Best,
    "check": CheckedFiles,
    "clean": Cleaned,
    "collect": Command,
    "compare": Compared,
    "confirm": ConfirmedTrials,
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
    "submit": Submitted,
    "wait": Waited,
    "workers": Crewed,
}
"""What each verb answers, by the verb's name."""
