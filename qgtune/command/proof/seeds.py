"""The path of the config that holds its seed, and seeds that no run of a search has used."""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean
from qgtune.space.paths import leaves_of, parse_path, select

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

END = 2**31
"""What seeds stay below."""


def seed_path(config: Any, written: Any, tuned: Collection[str], given: str | None) -> str:
    """Return the path whose value repeats are told apart by.

    Args:
        config: that of a trial, as its function saw it.
        written: the app's config as it is written: what follows another value there is an interpolation.
        tuned: the paths that the search tuned.
        given: what the user named; None to find it: the only whole number under the key `seed`.

    Raises:
        QGTuneError: when it is not there, holds no whole number, is tuned, or there is not exactly one.
    """
    leaves = dict(leaves_of(config))
    path = _only_one(leaves, written) if given is None else given
    if path not in leaves:
        raise QGTuneError(
            f"Cannot repeat with --path {path}: the config has no such value.{did_you_mean(path, leaves)}"
        )
    if leaves[path] is not None and not _is_whole(leaves[path]):
        raise QGTuneError(f"Cannot repeat with --path {path}: its value {leaves[path]!r} is no whole number.")
    if path in tuned:
        raise QGTuneError(
            f"Cannot repeat trials with other values of {path}: the search has tuned it. Give --path another value, "
            "which only seeds random numbers."
        )
    return path


def _only_one(leaves: Mapping[str, Any], written: Any) -> str:
    whole = [path for path, value in leaves.items() if _is_whole(value)]
    found = [path for path in whole if path.rpartition(".")[2] == "seed" and not _follows(written, path)]
    if len(found) == 1:
        return found[0]
    near = found or [path for path in whole if "seed" in path.rpartition(".")[2].lower()]
    named = f" Give --path with one of {', '.join(near)}." if near else " Give --path."
    reason = "the config has several seeds" if found else "the config has no whole number under a key 'seed'"
    raise QGTuneError(f"Cannot tell which value of the config is its seed: {reason}.{named}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _follows(written: Any, path: str) -> bool:
    text = select(written, parse_path(path))
    return isinstance(text, str) and "${" in text


def fresh_seeds(n_seeds: int, used: Iterable[int], first: Iterable[int] = ()) -> list[int]:
    """Return seeds that are not among the used ones.

    Args:
        n_seeds: how many.
        used: by the search.
        first: seeds of earlier repeats, which come first: their runs count.
    """
    taken = set(used)
    start = max(taken, default=-1) + 1
    if start + len(taken) + n_seeds >= END:
        start = 0
    found: dict[int, None] = {}
    for seed in chain(first, count(start)):
        if len(found) == n_seeds:
            break
        if seed not in taken:
            found[seed] = None
    return list(found)
