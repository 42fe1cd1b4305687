"""What came of running the leading trials of a search again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna.study import StudyDirection
from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.files import write_whole
from qgtune.results.best import params_of
from qgtune.results.proof.estimates import Estimate, Layout, estimates, rivals
from qgtune.study.attempts.ledger import is_feasible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

FILE = Path("confirm", "confirm.json")
"""Where it is, below the folder of the sweep."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A trial that ran again.

    Attributes:
        trial: its number in the search.
        search: its value in the search.
        values: those of the fresh runs that completed.
        estimate: what it is worth; None where a run failed.
    """

    trial: int
    search: float
    values: tuple[float, ...]
    estimate: Estimate | None

    def text(self) -> str:
        """Return its value with the interval, for people."""
        if self.estimate is None:
            return "a run failed"
        value, interval = self.estimate.texts()
        return f"{value} [{interval.replace(' to ', ', ')}]"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """All trials that ran again, the best first, and then those of which a run failed.

    Attributes:
        study: the name of the search's.
        direction: `minimize` or `maximize`.
        path: of the seed.
        seeds: the fresh ones.
        trials: what each is worth.
        rivals: the numbers of those that the runs do not tell from the best.
        is_constant: whether each configuration gave the same value on every seed.
    """

    study: str
    direction: str
    path: str
    seeds: tuple[int, ...]
    trials: tuple[Confirmed, ...]
    rivals: tuple[int, ...]
    is_constant: bool

    @classmethod
    def of(
        cls, study: optuna.Study, path: str, seeds: Sequence[int], values: Mapping[int, Sequence[float]]
    ) -> Confirmation:
        """Judge the fresh runs.

        Args:
            study: the search's.
            path: of the seed.
            seeds: the fresh ones.
            values: of the fresh runs by the number of the trial, in the order of the seeds; fewer where runs failed.
        """
        maximize = study.direction == StudyDirection.MAXIMIZE
        whole = [number for number, found in values.items() if len(found) == len(seeds)]
        runs = [values[number] for number in whole]
        best, near = rivals(runs, maximize=maximize) if runs else (0, [])
        worth = dict(zip(whole, estimates(runs) if runs else [], strict=True))
        searched = study.get_trials(deepcopy=False)
        rows = [
            Confirmed(number, float(searched[number].value or 0.0), tuple(found), worth.get(number))
            for number, found in values.items()
        ]
        sign = -1 if maximize else 1
        first = whole[best] if whole else None
        rows.sort(
            key=lambda row: (row.estimate is None, row.trial != first, sign * row.estimate.value if row.estimate else 0)
        )
        direction = "maximize" if maximize else "minimize"
        is_constant = bool(runs) and Layout.of(runs).is_constant
        close = tuple(row.trial for row in rows if row.trial in {whole[index] for index in near})
        return cls(study.study_name, direction, path, tuple(seeds), tuple(rows), close, is_constant)

    @property
    def best(self) -> Confirmed | None:
        """The best one; None where of each a run failed."""
        return next((row for row in self.trials if row.estimate is not None), None)

    def find(self, number: int) -> Confirmed | None:
        """Return a trial by its number; None if it did not run again."""
        return next((row for row in self.trials if row.trial == number), None)

    def to_json(self) -> str:
        """Return it as JSON."""
        best = None if self.best is None else self.best.trial
        n_judged = sum(row.estimate is not None for row in self.trials)
        judged = {"best": best, "is_established": n_judged > 1 and not self.rivals}
        return json.dumps({**judged, **asdict(self)}, indent=2)

    def write(self, sweep: Path) -> None:
        """Keep it in a sweep folder."""
        write_whole(sweep / FILE, f"{self.to_json()}\n")

    @classmethod
    def read(cls, sweep: Path | None) -> Confirmation | None:
        """Read it from a sweep folder; None if there is none that can be read."""
        try:
            data: dict[str, Any] = json.loads((sweep / FILE).read_text(encoding="utf-8")) if sweep else {}
            rows = [
                Confirmed(
                    row["trial"],
                    row["search"],
                    tuple(row["values"]),
                    None if row["estimate"] is None else Estimate(**row["estimate"]),
                )
                for row in data["trials"]
            ]
            lists = tuple(data["seeds"]), tuple(rows), tuple(data["rivals"])
            return cls(data["study"], data["direction"], data["path"], *lists, data["is_constant"])
        except (OSError, ValueError, KeyError, TypeError):
            return None


def confirmed_lines(sweep: Path | None, number: int | None = None) -> list[str]:
    """Return what is confirmed of a trial of the sweep in a folder, and which one is the best if it is another.

    Args:
        sweep: the folder; None for none.
        number: of the trial; None for no trial.
    """
    found = Confirmation.read(sweep)
    if found is None or found.best is None:
        return []
    mine = None if number is None else found.find(number)
    lines = [] if mine is None else [f"Confirmed: {mine.text()}"]
    if found.best.trial != number:
        lines.append(f"Confirmed best: trial {found.best.trial} with {found.best.text()}")
    return lines


def leading_trials(study: optuna.Study, n_trials: int) -> list[FrozenTrial]:
    """Return the best completed trials of a study of one objective, the best first, each configuration once.

    Raises:
        QGTuneError: when there are none, or the study has several objectives.
    """
    if len(study.directions) > 1:
        raise QGTuneError("Cannot rank the trials of several objectives: each of the best is so in its own way.")
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    done = [one for one in study.get_trials(deepcopy=False) if one.state == TrialState.COMPLETE and is_feasible(one)]
    found: list[FrozenTrial] = []
    for trial in sorted(done, key=lambda one: (sign * (one.value or 0.0), one.number)):
        if len(found) < n_trials and all(params_of(trial) != params_of(other) for other in found):
            found.append(trial)
    if not found:
        raise QGTuneError(f"Cannot run the best trials of study {study.study_name!r} again: none has completed.")
    return found
