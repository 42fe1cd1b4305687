"""Points of a search space that are known beforehand: the base settings, and those that the user names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.paths import Parts, format_path, parse_path
from qgtune.space.reading.build import REFUSALS, read
from qgtune.space.wording import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from omegaconf import DictConfig

    from qgtune.space.model import Hyperparameter


def value_at(config: DictConfig, path: str) -> Any:
    """Return the resolved value at a path of a config.

    Raises:
        LookupError: when there is none, it is missing (`???`), or it does not resolve.
    """
    try:
        return read(config, path)
    except (*REFUSALS, QGTuneError, RecursionError) as error:
        raise LookupError(path) from error


def base_point(hyperparameters: Mapping[str, Hyperparameter], config: DictConfig) -> tuple[dict[str, Any], list[str]]:
    """Read a point off the base settings.

    Args:
        hyperparameters: by path.
        config: the base settings.

    Returns:
        The values as the study stores them, by path; and the paths whose base value the space does not hold, each with
        the reason. The point can be run when there are none.
    """
    point: dict[str, Any] = {}
    outside: list[str] = []
    for path, item in hyperparameters.items():
        try:
            point[path] = item.encode(value_at(config, path))
        except LookupError:
            outside.append(f"{path} has no base value")
        except ValueError:
            outside.append(f"{path}={value_at(config, path)!r} is not {words(item.distribution)}")
    return point, outside


def given_point(hyperparameters: Mapping[str, Hyperparameter], given: Any, source: str) -> dict[str, Any]:
    """Read a point that the user named; it may leave hyperparameters to the sampler.

    Args:
        hyperparameters: by path.
        given: config values by path, or nested in the shape of the config.
        source: where it was written, for errors.

    Returns:
        The values as the study stores them, by path.

    Raises:
        QGTuneError: with every path that is no hyperparameter, and every value that the space does not hold.
    """
    if not isinstance(given, dict) or not given:
        raise QGTuneError(f"Cannot enqueue {given!r} ({source}): it is no mapping of paths to values.")
    point: dict[str, Any] = {}
    problems: list[str] = []
    for path, value in _leaves(given, (), hyperparameters):
        if path not in hyperparameters:
            hint = did_you_mean(path, hyperparameters)
            problems.append(f"Cannot enqueue {path}={value!r} ({source}): it is not tuned.{hint}")
            continue
        item = hyperparameters[path]
        try:
            point[path] = item.encode(value)
        except ValueError:
            problems.append(f"Cannot enqueue {path}={value!r} ({source}): it is not {words(item.distribution)}.")
    if problems:
        raise QGTuneError(*problems)
    return point


def _leaves(given: Any, prefix: Parts, known: Mapping[str, Hyperparameter]) -> Iterator[tuple[str, Any]]:
    """Yield values by path; a mapping or a list that is no choice of a hyperparameter is structure."""
    path = format_path(prefix)
    if path in known or not isinstance(given, (dict, list)):
        yield path, given
        return
    for key, value in given.items() if isinstance(given, dict) else enumerate(given):
        yield from _leaves(value, (*prefix, *_parts(key)), known)


def _parts(key: Any) -> Parts:
    return parse_path(key) if isinstance(key, str) else (key,)
