"""A study on a Redis server that any number of processes and hosts share, stock Optuna's among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgtune.study.journal.replay_private import BatchingStorage
from qgtune.study.storages.redis_log import RedisLog
from qgtune.study.storages.remote import opening

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


class RedisJournal(BatchingStorage):
    """Optuna's journal storage on a Redis server, with batches and a creation lock.

    Args:
        url: `redis://user:password@host:port/database`.

    Raises:
        QGTuneError: when the server does not answer or refuses.
    """

    _backend: RedisLog

    def __init__(self, url: str) -> None:
        with opening(url):
            super().__init__(RedisLog(url))

    @property
    def log(self) -> RedisLog:
        """The records on the server."""
        return self._backend

    def exclusive(self) -> AbstractContextManager[None]:
        """Hold the exclusive right to count and create trials; sampling and writing go on meanwhile."""
        return self._backend.exclusive()
