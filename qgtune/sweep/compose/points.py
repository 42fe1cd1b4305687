"""Points that leave nothing to a sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.points import leaves_of
from qgtune.space.stored import to_stored
from qgtune.space.wording import words

if TYPE_CHECKING:
    from qgtune.space.model import SearchSpace
    from qgtune.sweep.compose.combination import Combination
    from qgtune.sweep.compose.composition import Composition


def whole_point(composition: Composition, given: Any) -> tuple[dict[str, Any], str]:
    """Read a point of which nothing is sampled.

    Args:
        composition: of the sweep.
        given: config values by path, or nested in the shape of the config. What is not asked for beside the others is
            passed over; what is missing is taken from the base settings.

    Returns:
        The values as the study stores them, by path, and why it cannot run; the empty text if it can.

    Raises:
        QGTuneError: when it is no mapping, or has a path that is not tuned.
    """
    known = composition.hyperparameters
    if not isinstance(given, dict) or not given:
        raise QGTuneError(f"Cannot run the point {given!r}: it is no mapping of paths to values.")
    values = leaves_of(given, known)
    more = [path for path in values if path not in known]
    if more and composition.custom is None:
        raise QGTuneError(
            *(
                f"Cannot run a point with {path}={values[path]!r}: it is not tuned.{did_you_mean(path, known)}"
                for path in more
            )
        )
    pairs = zip(composition.groups, composition.base_options(), strict=True)
    options = {group.path: values.get(group.path, option) for group, option in pairs}
    own, why_not = _live_values(composition.combination(tuple(options.values())), values)
    suggested = {path: to_stored(values[path]) for path in more}
    return {
        **{group.path: group.encode(options[group.path]) for group in composition.groups},
        **own,
        **suggested,
    }, why_not


def _live_values(combination: Combination, given: dict[str, Any]) -> tuple[dict[str, Any], str]:
    space: SearchSpace = combination.space
    point: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for path in space.hyperparameters:
        if (item := space.live(path, values)) is None:
            continue
        value = given[path] if path in given else combination.base_value(item)
        if not item.takes(value):
            return {}, f"{path}={value!r} is not {words(item.distribution)}"
        point[path] = item.encode(value)
        values[path] = item.decode(point[path])
    return point, ""
