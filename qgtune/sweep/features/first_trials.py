"""What a sweep runs before anything is sampled."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.space.points import given_point
from qgtune.study.algorithms.grid import FINITE, GRID
from qgtune.study.lifecycle import Lifecycle, OpenStudy
from qgtune.sweep.compose.points import whole_point

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.sweep.compose.composition import Composition
    from qgtune.sweep.settings import Settings

log = logging.getLogger("qgtune")
TRIES = 20


@dataclass(frozen=True, slots=True)
class Points:
    """Points of the space as the study stores them, by path.

    Attributes:
        base: the base settings; None when they are not to run.
        outside: why the base settings cannot run, one reason a path.
        given: what `enqueue` names.
        beside: what is sampled beside the base settings, in words; empty for nothing.
        start: the base settings' values of the config, whether or not the space holds them.
    """

    base: Mapping[str, Any] | None = None
    outside: tuple[str, ...] = ()
    given: tuple[Mapping[str, Any], ...] = ()
    beside: str = ""
    start: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FirstTrials(Lifecycle):
    """Enqueues what is run before anything is sampled.

    Attributes:
        points: of the space.
    """

    points: Points

    def sweep_started(self, session: OpenStudy) -> None:
        """Enqueue the points that the study lacks."""
        is_new = not session.study.get_trials(deepcopy=False)
        if session.enqueue(self.points.given, self.points.base):
            rest = f", with {self.points.beside} sampled beside them" if self.points.beside else ""
            log.info("Trial 0 runs the base settings%s.", rest)
        elif is_new and self.points.outside:
            log.warning("The base settings are not run first: %s.", "; ".join(self.points.outside))


def read_points(settings: Settings, composition: Composition) -> Points:
    """Read `enqueue` and the base settings.

    A sampler that visits every point of the space comes by the base settings anyway.

    Raises:
        QGTuneError: with everything wrong in `enqueue`.
    """
    start = composition.base_values()
    if settings.points:
        return Points(given=_whole(settings, composition))
    given = _given(settings, composition)
    target = (settings.sampler or {}).get("_target_")
    if not settings.enqueue_base or target in FINITE:
        return Points(given=given, start=start)
    base, outside = composition.base_point()
    if not outside and (broken := _broken(settings, composition, base)):
        outside = [f"they violate where={broken!r}"]
    beside = [] if outside else composition.missing_in(base)
    if composition.custom is not None:
        beside.append("what custom_search_space suggests")
    return Points(None if outside else base, tuple(outside), given, ", ".join(beside), start)


def _broken(settings: Settings, composition: Composition, point: Mapping[str, Any]) -> str:
    """Name a constraint that a point violates, whatever is sampled beside it."""
    if not settings.where:
        return ""
    tried = list(islice(composition.violations(point), TRIES))
    return "" if "" in tried else tried[0]


def _whole(settings: Settings, composition: Composition) -> tuple[Mapping[str, Any], ...]:
    """Read the points that a sweep consists of. One that cannot run is left out, with a warning."""
    points: list[Mapping[str, Any]] = []
    for given in settings.enqueue:
        point, why_not = whole_point(composition, given)
        if not why_not and (broken := _broken(settings, composition, point)):
            why_not = f"it violates where={broken!r}"
        if why_not:
            log.warning("The point %s is left out: %s.", given, why_not)
        elif point not in points:
            points.append(point)
    if not points:
        raise QGTuneError(f"Cannot run hydra.sweeper.points={settings.points}: none of its points can run.")
    return tuple(points)


def _given(settings: Settings, composition: Composition) -> tuple[Mapping[str, Any], ...]:
    points: list[Mapping[str, Any]] = []
    problems: list[str] = []
    known = composition.hyperparameters
    for index, given in enumerate(settings.enqueue):
        source = f"hydra.sweeper.enqueue[{index}]"
        try:
            points.append(given_point(known, given, source))
        except QGTuneError as error:
            problems.extend(error.problems)
            continue
        if broken := _broken(settings, composition, points[-1]):
            problems.append(f"Cannot enqueue {given!r} ({source}): it violates where={broken!r}.")
        missing = known.keys() - points[-1].keys()
        if missing and (settings.sampler or {}).get("_target_") == GRID:
            names = ", ".join(sorted(missing))
            problems.append(f"Cannot enqueue part of a point ({source}) with a grid sampler: give {names}, too.")
    if problems:
        raise QGTuneError(*problems)
    return tuple(points)
