"""A study that shows some of its trials only, in a form that is safe to draw."""

from __future__ import annotations

import html
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from optuna.distributions import BaseDistribution
    from optuna.trial import TrialState

    Text = Callable[[str], str]

OURS = "qgtune:"
MOST_ATTRIBUTES = 10
LONGEST_VALUE = 80
LONGEST_CHOICE = 32


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
    """Return copies of trials to draw: names and choices as short literal text, our own and bulky attributes left out.

    Args:
        trials: of a study.
        text: makes a text literal for what draws it.
    """
    choices: dict[Any, _Choices] = {}
    return [_drawable(trial, text, choices) for trial in trials]


@dataclass(frozen=True, slots=True)
class _Choices:
    """The choices of a hyperparameter as they are drawn.

    Attributes:
        distribution: over what is drawn.
        shown: what is drawn, by the choice that is a text.
    """

    distribution: CategoricalDistribution
    shown: Mapping[str, str]

    @classmethod
    def of(cls, distribution: CategoricalDistribution, text: Text) -> _Choices:
        texts = [(place, choice) for place, choice in enumerate(distribution.choices) if isinstance(choice, str)]
        shown = {choice: text(_short(choice, place)) for place, choice in texts}
        drawn = [shown[choice] if isinstance(choice, str) else choice for choice in distribution.choices]
        return cls(CategoricalDistribution(drawn), shown)


def _short(choice: str, place: int) -> str:
    """Return a long choice, such as a mapping's JSON text, cut off, and told from others by its place."""
    return choice if len(choice) <= LONGEST_CHOICE else f"{choice[: LONGEST_CHOICE - 5]}… #{place}"


def _drawable(trial: FrozenTrial, text: Text, known: dict[Any, _Choices]) -> FrozenTrial:
    params: dict[str, Any] = {}
    distributions: dict[str, BaseDistribution] = {}
    for name, value in trial.params.items():
        shown = text(name)
        params[shown], distributions[shown] = value, trial.distributions[name]
        if isinstance(distribution := trial.distributions[name], CategoricalDistribution):
            key = (name, distribution.choices)
            choices = known[key] if key in known else known.setdefault(key, _Choices.of(distribution, text))
            distributions[shown] = choices.distribution
            params[shown] = choices.shown.get(value, value) if isinstance(value, str) else value
    return _with(trial, params, distributions, _attributes(trial, text), trial.intermediate_values)


def bare(trial: FrozenTrial) -> FrozenTrial:
    """Return a drawable trial without hyperparameters and attributes."""
    return _with(trial, {}, {}, {}, {})


def _with(
    trial: FrozenTrial,
    params: dict[str, Any],
    distributions: dict[str, BaseDistribution],
    user_attrs: dict[str, Any],
    intermediate_values: dict[int, float],
) -> FrozenTrial:
    """Return the same trial with other contents, under its number as its id."""
    return FrozenTrial(
        number=trial.number,
        state=trial.state,
        value=None,
        values=trial.values,
        datetime_start=trial.datetime_start,
        datetime_complete=trial.datetime_complete,
        params=params,
        distributions=distributions,
        user_attrs=user_attrs,
        system_attrs=trial.system_attrs,
        intermediate_values=intermediate_values,
        trial_id=trial.number,
    )


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
