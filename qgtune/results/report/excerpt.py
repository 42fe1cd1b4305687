"""A study that shows some of its trials only, in a form that is safe to draw."""

from __future__ import annotations

import html
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from qgtune.results.report.snapshot import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import TrialState

    Text = Callable[[str], str]

MOST_ATTRIBUTES = 10
LONGEST_VALUE = 80


class Excerpt(optuna.Study):
    """A study whose trials are the given ones, with their own numbers; Optuna's plots take it for the study.

    It lives in memory: nothing is read from the real study's storage any more.

    Args:
        directions: of the objectives.
        trials: what it shows.
    """

    def __init__(self, directions: Sequence[str], trials: Sequence[FrozenTrial]) -> None:
        storage = InMemoryStorage()
        storage.create_new_study([StudyDirection[direction.upper()] for direction in directions], "excerpt")
        super().__init__("excerpt", storage)
        self._excerpt = list(trials)

    def get_trials(
        self,
        deepcopy: bool = True,  # noqa: FBT001, FBT002 - as Optuna has it
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return the trials, as Optuna's `Study.get_trials` does; they are never copied."""
        del deepcopy
        return [trial for trial in self._excerpt if states is None or trial.state in states]


@contextmanager
def optuna_quiet() -> Iterator[None]:
    """Keep Optuna's remarks on what it draws, such as values that are not finite, off the terminal."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def escaped(text: str) -> str:
    """Return a text as plotly shows it literally: plotly reads a few tags and entities in its texts."""
    return html.escape(text, quote=False)


def drawable(trials: Iterable[FrozenTrial], text: Text = escaped) -> list[FrozenTrial]:
    """Return copies of trials to draw: names and choices as literal text, our own attributes and bulky ones left out.

    Args:
        trials: of a study.
        text: makes a text literal for what draws it.
    """
    distributions: dict[str, BaseDistribution] = {}
    return [_drawable(trial, text, distributions) for trial in trials]


def _drawable(trial: FrozenTrial, text: Text, known: dict[str, BaseDistribution]) -> FrozenTrial:
    pairs = [(text(name), name) for name in trial.params]
    return FrozenTrial(
        number=trial.number,
        state=trial.state,
        value=None,
        values=trial.values,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params={shown: _literal(trial.params[name], text) for shown, name in pairs},
        distributions={shown: _distribution(trial.distributions[name], text, known) for shown, name in pairs},
        user_attrs=_attributes(trial, text),
        system_attrs=trial.system_attrs,
        intermediate_values=trial.intermediate_values,
        trial_id=trial.number,
    )


def _literal(value: Any, text: Text) -> Any:
    return text(value) if isinstance(value, str) else value


def _distribution(distribution: BaseDistribution, text: Text, known: dict[str, BaseDistribution]) -> BaseDistribution:
    """Return the distribution with literal choices; each is made once."""
    if not isinstance(distribution, CategoricalDistribution):
        return distribution
    key = repr(distribution)
    if key not in known:
        known[key] = CategoricalDistribution([_literal(choice, text) for choice in distribution.choices])
    return known[key]


def _attributes(trial: FrozenTrial, text: Text) -> dict[str, Any]:
    """Return the user's own short attributes, for the text beside the pointer."""
    theirs = [(name, value) for name, value in trial.user_attrs.items() if not name.startswith(OURS)]
    return {text(name): text(str(value)[:LONGEST_VALUE]) for name, value in theirs[:MOST_ATTRIBUTES]}


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    return [items[round(index * last / (most - 1))] for index in range(most)]
