"""A study from Python: what `qgtune.open` returns."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.results.best import best_trials
from qgtune.results.columns import every_column
from qgtune.results.recorded import Record
from qgtune.results.source import open_source
from qgtune.results.sweeps import newest_sweep, session_beside, state_of
from qgtune.results.table import table_of
from qgtune.space.model import Hyperparameter
from qgtune.space.paths import format_path, parse_path
from qgtune.space.stored import from_stored
from qgtune.space.wording import words
from qgtune.study.attempts.submission import awaits_submitted
from qgtune.study.fixed_settings import workers_now
from qgtune.study.objectives import Objectives, is_better
from qgtune.study.optuna_private import storage_of
from qgtune.study.storages.exclusive import exclusively

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import optuna
    import pandas as pd

    from qgtune.results.source import Source
    from qgtune.results.table import Row

POLL_S = 1.0
Why = Literal["ended", "value", "timeout"]


class OpenedStudy:
    """A study that is looked at, and given points, from Python. Each look reads it anew: it may be running.

    Args:
        source: where it was found.
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    def __repr__(self) -> str:
        """Name it, and where it is."""
        return f"<study {self.name!r} of {str(self.folder or self.source.storage)!r}>"

    @property
    def study(self) -> optuna.Study:
        """Optuna's own study."""
        return self.source.study

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.study_name

    @property
    def folder(self) -> Path | None:
        """The sweep folder; None where the study was named by its storage."""
        return self.source.folder

    @property
    def state(self) -> Literal["runs", "ended"]:
        """Whether a sweep is known to run on it."""
        return state_of(self.study)

    @property
    def trials(self) -> tuple[Row, ...]:
        """All trials, by number."""
        return table_of(self.study).rows

    @property
    def best(self) -> Row | None:
        """The best trial; None if none has completed within its constraints.

        Raises:
            QGTuneError: when the study has several objectives, and so several best trials: `front` has them.
        """
        if len(self.study.directions) > 1:
            raise QGTuneError("Cannot name one best trial of several objectives. Take `front`.")
        return next(iter(self.front), None)

    @property
    def front(self) -> tuple[Row, ...]:
        """The trials that no other is better than in all objectives; of one objective, the best."""
        return table_of(self.study, best_trials(self.study)).rows

    def config(self, number: int) -> Any:
        """Return the config that a trial's function got, as plain data.

        Raises:
            QGTuneError: when the study has no such trial, or its record is not here.
        """
        trials = self.study.get_trials(deepcopy=False)
        if not 0 <= number < len(trials):
            raise QGTuneError(f"Cannot find trial {number}: the study has {len(trials)} trials, from 0 on.")
        return Record.read(self.folder, trials[number]).config

    def frame(self) -> pd.DataFrame:
        """Return a pandas frame, a line a trial, with the columns of `qgtune show --csv`.

        Raises:
            QGTuneError: when pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise QGTuneError(
                "Cannot make a frame: pandas is not installed. Run pip install 'qgtune[pandas]'."
            ) from None
        table = table_of(self.study)
        return pd.DataFrame({column.name: [column.of(row) for row in table.rows] for column in every_column(table)})

    def add(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Queue a point: one of the next trials has these values, and what is left out is sampled.

        Args:
            values: of the config, by the path of the hyperparameter.

        Returns:
            What is queued, by path. It counts in `n_trials`.

        Raises:
            QGTuneError: with each value that is of no hyperparameter, or not one of its values.
        """
        trials = self.study.get_trials(deepcopy=False)
        known = {path: found for trial in trials for path, found in trial.distributions.items()}
        stored: dict[str, Any] = {}
        problems = []
        for name, value in values.items():
            path = format_path(parse_path(name)) if name else ""
            if path not in known:
                hint = did_you_mean(path, known) if known else " No trial of the study has values yet."
                problems.append(f"Cannot add {name!r}: it is no hyperparameter of the study.{hint}")
                continue
            distribution = known[path]
            choices = tuple(from_stored(choice, distribution) for choice in getattr(distribution, "choices", ()))
            try:
                stored[path] = Hyperparameter(path, distribution, "", choices).encode(value)
            except ValueError:
                problems.append(f"Cannot add {name}={value!r}: it is not {words(distribution)}.")
        if problems:
            raise QGTuneError(*problems)
        exclusively(storage_of(self.study), lambda: self.study.enqueue_trial(stored))
        return {path: from_stored(value, known[path]) for path, value in stored.items()}

    def wait(self, value: float | None = None, *, timeout_s: float | None = None) -> Why:
        """Wait until no sweep runs on the study any more.

        Args:
            value: wait no longer than until the best value is this one or better.
            timeout_s: wait for no more than so many seconds; None for as long as it takes.

        Returns:
            Why the waiting is over: no sweep runs, the value is reached, or the time is over.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        maximize = Objectives.of(self.study).maximize[:1]
        while True:
            best = [row.values[:1] for row in self.front]  # noqa: PD011 - a trial has them, too
            if value is not None and best and not is_better((value,), best[0], maximize):
                return "value"
            self._end_dead()
            if self.state == "ended":
                return "ended"
            if deadline_s is not None and time.monotonic() >= deadline_s:
                return "timeout"
            time.sleep(POLL_S)

    def _end_dead(self) -> None:
        """End attempts of submitted workers that are gone: no sweep is there to do it."""
        session = session_beside(self.study)
        if awaits_submitted(session) and not workers_now(session):
            session.end_dead()


def open_study(source: str | Path | None = None, study_name: str | None = None) -> OpenedStudy:
    """Open a study that a sweep has made, or makes at the moment. Nothing is created.

    Args:
        source: a sweep folder, a journal file or the address of a database; None for the newest sweep below the working
            folder.
        study_name: the study's name; None takes the one that the sweep folder names, or the storage's only one.

    Raises:
        QGTuneError: when there is no such study.
    """
    return OpenedStudy(open_source(str(newest_sweep() if source is None else source), study_name))
