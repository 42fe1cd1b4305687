"""Counting trials and creating the next one: one process at a time, among all processes and hosts."""

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


class ExclusivityLostError(QGTuneError):
    """Being the only one ended while it was needed, because the server forgot it."""


@runtime_checkable
class OneAtATime(Protocol):
    """A storage that lets one process at a time count trials and create the next one."""

    def exclusive(self) -> AbstractContextManager[object]:
        """Be the only process that creates trials.

        Raises:
            ExclusivityLostError: inside or at the end, when that was lost meanwhile.
        """


def exclusive(storage: BaseStorage) -> AbstractContextManager[object]:
    """Be the only process that creates trials in `storage`, where it has such a thing."""
    return storage.exclusive() if isinstance(storage, OneAtATime) else contextlib.nullcontext()


def exclusively(storage: BaseStorage, act: Callable[[], T]) -> T:
    """Call `act` as the only process that creates trials in `storage`; again, if that was lost on the way."""
    while True:
        with contextlib.suppress(ExclusivityLostError), exclusive(storage):
            return act()
