"""One attempt at a trial: who runs it, what it repeats, how it ended. All of it is one attribute of the trial."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from optuna.trial import TrialState

from qgtune.study.attempts.owner import Owner

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ATTRIBUTE = "qgtune:attempt"
"""The trial's user attribute that holds it."""

End = Literal["complete", "pruned", "paused", "measured", "failed", "returned", "lost", "withdrawn"]
"""How an attempt ends.

`complete` and `pruned` are Optuna's states. `paused` is PRUNED there, too: it has reached its rung, and its
configuration may go on in another attempt. `measured` is, too: it is one of several repeats of its configuration, and
its value counts in theirs only. The others are all FAIL: `failed` is the function's own doing,
`returned` was given back by a signal and runs again, `lost` had a worker that ended without a word and runs again as
often as `max_retries` says, `withdrawn` was created beyond the total, never ran, and counts for nothing.
"""

_BY_STATE: dict[TrialState, End] = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a study knows of an attempt beside its values.

    Attributes:
        owner: the process that runs it; None where other code than ours took the trial.
        repeats: the number of the first attempt at the same trial; None for a first one.
        turn: the how many-th repetition it is; 0 for a first one.
        losses: how many attempts before it were lost, or failed where failures are retried.
        settings: the digest of all that was not sampled; empty where nobody took it.
        folder: the sweep folder that the trial's record is in, on the owner's host; empty where there is none.
        end: how it ended; None while it runs.
        reason: why it did not succeed, one line.
        log: the file that has the traceback of what its function raised; empty for none.
        rung: up to which rung it runs, from 0; None where there are none.
        score: the value that it had when it paused, or that it gave as one of several repeats.
        replicate: which of its configuration's repeats it is, by name; empty where there are none.
        is_drawn: whether it has all values of its configuration, so that other repeats of that may start.
        gpus: how many GPUs its worker has, a shared one in part; None where nobody knows.
        ran_s: how long it ran, where its end was noticed late; None elsewhere.
    """

    owner: Owner | None = None
    repeats: int | None = None
    turn: int = 0
    losses: int = 0
    settings: str = ""
    folder: str = ""
    end: End | None = None
    reason: str = ""
    log: str = ""
    rung: int | None = None
    score: float | None = None
    replicate: str = ""
    is_drawn: bool = False
    gpus: float | None = None
    ran_s: float | None = None

    @classmethod
    def of(cls, trial: FrozenTrial) -> Attempt:
        """Read a trial's attempt; whatever other code wrote there counts as nothing."""
        stored = trial.user_attrs.get(ATTRIBUTE)
        known: dict[Any, Any] = dict(stored) if isinstance(stored, dict) else {}
        owner = Owner.from_attribute(known.pop("owner", None))
        typed: dict[str, Any] = {key: value for key, value in known.items() if isinstance(value, _KINDS.get(key, ()))}
        found = cls(owner, **typed)
        if not trial.state.is_finished() or found.end in ("paused", "measured"):
            return found
        return replace(found, end=_BY_STATE.get(trial.state, found.end or "failed"))

    def to_attribute(self) -> dict[str, Any]:
        """Return it as a JSON mapping, without what is not known."""
        plain = {key: getattr(self, key) for key in _KINDS}
        known = {key: value for key, value in plain.items() if value not in (None, "") and (value or key in _MAY_BE_0)}
        return known if self.owner is None else {"owner": self.owner.to_attribute(), **known}

    def repeated(self, number: int, start: Attempt) -> Attempt:
        """Return `start`, what any attempt of a process starts from, as the one that runs trial `number` again."""
        losses = self.losses + (self.end not in ("returned", "paused"))
        rung = None if self.rung is None else self.rung + (self.end == "paused")
        again = replace(start, repeats=self.first(number), turn=self.turn + 1, losses=losses, rung=rung)
        return replace(again, replicate=self.replicate or start.replicate)

    def beside(self, number: int, start: Attempt, replicate: str) -> Attempt:
        """Return `start` as the first attempt at another repeat of the configuration of trial `number`."""
        return replace(start, repeats=self.first(number), replicate=replicate)

    def first(self, number: int) -> int:
        """Return the number of the first attempt at the configuration, where this one's is `number`."""
        return number if self.repeats is None else self.repeats

    def name(self, number: int) -> int:
        """Return the number that people know it by: where configurations have repeats, that of the configuration."""
        return self.first(number) if self.replicate else number

    def place(self, number: int) -> str:
        """Return what its configuration, or its repeat of that, is called in names of folders: `7`, `7/seed=1`."""
        first = str(self.first(number))
        return f"{first}/{self.replicate}" if self.replicate else first

    @property
    def counts(self) -> bool:
        """Whether it is one of the study's trials, rather than one that was withdrawn."""
        return self.end != "withdrawn"

    @property
    def ran_through(self) -> bool:
        """Whether it ended by itself, so that its duration says how long trials take."""
        return self.end in ("complete", "pruned", "paused", "measured", "failed")


_KINDS: dict[str, type | tuple[type, ...]] = {
    "repeats": int,
    "turn": int,
    "losses": int,
    "settings": str,
    "folder": str,
    "end": str,
    "reason": str,
    "log": str,
    "rung": int,
    "score": (float, int),
    "replicate": str,
    "is_drawn": bool,
    "gpus": (float, int),
    "ran_s": (float, int),
}
"""What each of the fields is, but for the owner."""

_MAY_BE_0 = ("repeats", "rung", "score", "ran_s")
