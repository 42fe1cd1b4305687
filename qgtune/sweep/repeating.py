"""Whether a sweep's config and its study go together with `hydra.sweeper.repeats`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from omegaconf.errors import OmegaConfBaseException

from qgtune.errors import QGTuneError, first_line
from qgtune.processes.travel import loads
from qgtune.space.editing import has_path, place, plain
from qgtune.space.paths import is_below, parse_path, suggestions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qgtune.study.repeats.setting import Repeats
    from qgtune.study.session import Session
    from qgtune.sweep.compose.combination import Combination
    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.settings import Settings

ATTRIBUTE = "qgtune:repeats"
"""The study's attribute that has the setting with which its trials ran."""


def check_repeats(settings: Settings, composition: Composition) -> None:
    """Check what differs between the repeats against the configs that trials have.

    Raises:
        QGTuneError: when the config lacks it, takes none of the values, or something else sets it.
    """
    repeats = settings.repeats
    if repeats is None:
        return
    for combination in composition.combinations.values():
        if problem := next(_problems(repeats, composition, combination), ""):
            raise QGTuneError(f"Cannot use hydra.sweeper.repeats.path={repeats.path}: {problem}")


def _problems(repeats: Repeats, composition: Composition, combination: Combination) -> Iterator[str]:
    path = repeats.path
    if tuned := _meets(path, composition.hyperparameters):
        yield f"{tuned} is tuned. Take it out of the search space."
    if follows := _meets(path, combination.space.dependencies):
        yield f"{follows} follows other values. Take it out of the dependencies."
    task = loads(combination.task_pickle)
    if not has_path(task, path):
        yield f"the config has no such path.{suggestions(plain(task), parse_path(path))}"
        return
    for value in repeats.values.values():
        try:
            place(task, {path: value})
        except OmegaConfBaseException as error:
            yield f"it does not take {value!r}: {first_line(error)}."


def _meets(path: str, others: Iterable[str]) -> str:
    """Return one of the paths that is this one, above it or below it; the empty text for none."""
    return next((other for other in others if is_below(path, other) or is_below(other, path)), "")


def settle_repeats(session: Session) -> None:
    """Let the study know how its trials repeat; more values than before are allowed.

    Raises:
        QGTuneError: when its trials so far ran otherwise: their values would not compare.
    """
    study, now = session.study, _as_attribute(session.limits.repeats)
    before = study.user_attrs.get(ATTRIBUTE)
    if before == now:
        return
    if study.get_trials(deepcopy=False) and not _goes_on(before, now):
        raise QGTuneError(
            f"Cannot go on with study {study.study_name!r}: its trials ran with repeats={_said(before)}, and not with "
            f"{_said(now)}. Give that, or another hydra.sweeper.study_name."
        )
    study.set_user_attr(ATTRIBUTE, now)


def _as_attribute(repeats: Repeats | None) -> dict[str, Any] | None:
    if repeats is None:
        return None
    return {"path": repeats.path, "values": list(repeats.values.values()), "reduce": repeats.reduce}


def _goes_on(before: Any, now: dict[str, Any] | None) -> bool:
    if not before or now is None:
        return False
    return {**before, "values": now["values"]} == now and all(value in now["values"] for value in before["values"])


def _said(setting: Any) -> str:
    if not setting:
        return "null"
    return "{" + ", ".join(f"{key}: {value}" for key, value in setting.items()) + "}"
