"""The right to count trials and create the next one: one holder at a time, among all processes and hosts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from optuna.storages import BaseStorage

T = TypeVar("T")


class StorageLostError(QGTuneError):
    """The storage cannot be reached any more; what was finished is kept there."""


class ClaimLostError(QGTuneError):
    """The claim ended while it was needed, because its server forgot it."""


@runtime_checkable
class Claiming(Protocol):
    """A storage that lets one process at a time count trials and create the next one."""

    def claim(self) -> AbstractContextManager[object]:
        """Hold the exclusive right to create trials.

        Raises:
            ClaimLostError: inside or at the end, when the right was lost meanwhile.
        """


def claim(storage: BaseStorage) -> AbstractContextManager[object]:
    """Hold the exclusive right to create trials in `storage`, where it has such a thing."""
    return storage.claim() if isinstance(storage, Claiming) else contextlib.nullcontext()


def exclusively(storage: BaseStorage, act: Callable[[], T]) -> T:
    """Call `act` under the claim of `storage`; again, if the claim was lost on the way."""
    while True:
        with contextlib.suppress(ClaimLostError), claim(storage):
            return act()
