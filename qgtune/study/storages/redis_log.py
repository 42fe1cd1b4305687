"""Optuna's journal on a Redis server: the same keys, fewer round trips, and a creation lock.

Each record is a key `:log:<number>`, and `:log_number` counts them, as Optuna's `JournalRedisBackend` has it, so that
stock Optuna and `optuna-dashboard` read and write the same study.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import redis
from optuna.storages.journal import BaseJournalBackend
from redis.backoff import NoBackoff
from redis.retry import Retry

from qgtune.errors import QGTuneError
from qgtune.study.storages.addresses import safe
from qgtune.study.storages.exclusive import ExclusivityLostError
from qgtune.study.storages.remote import persistently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT_S = 10.0
LEASE_S = 10.0
"""How long the others wait for a creation lock whose holder was killed. A holder that outlives it can write no more."""
WAIT_S = 1.0
MOST_THREADS = 10_000
"""How many threads may use a log at a time: each waits with a connection of its own."""
CHUNK = 1000

# Optuna and its dashboard put a prefix before these, which is empty unless they are told otherwise.
_COUNT = ":log_number"
_LOG = ":log:"
_LOCK = ":qgtune:claim"
_WAKE = ":qgtune:wake"
_DONE = ":qgtune:done:"
_ALIVE = ":qgtune:alive"

# KEYS: the count, the lock, a mark of this request. ARGV: the lock's token or nothing, the records.
# A request that was sent twice, since its answer was lost, is done once.
_APPEND = f"""
if ARGV[1] ~= '' and redis.call('get', KEYS[2]) ~= ARGV[1] then return 'lapsed' end
if not redis.call('set', KEYS[3], 1, 'NX', 'EX', 600) then return 'done' end
redis.call('setnx', KEYS[1], -1)
for i = 2, #ARGV do redis.call('set', '{_LOG}' .. redis.call('incr', KEYS[1]), ARGV[i]) end
return 'done'
"""
# KEYS: the count. ARGV: the first record that is wanted. Returns how many there are, then the records themselves.
_READ = f"""
local n = tonumber(redis.call('get', KEYS[1]) or '-1') + 1
local keys = {{}}
for i = tonumber(ARGV[1]), math.min(n, ARGV[1] + {CHUNK}) - 1 do
    keys[#keys + 1] = '{_LOG}' .. string.format('%d', i)
end
return {{n, #keys > 0 and redis.call('mget', unpack(keys)) or {{}}}}
"""
# KEYS: the lock, the list that wakes those who wait. ARGV: the token, how long a wake-up is kept, in ms.
_RELEASE = """
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('del', KEYS[1])
if redis.call('llen', KEYS[2]) == 0 then
    redis.call('rpush', KEYS[2], 1)
    redis.call('pexpire', KEYS[2], ARGV[2])
end
return 1
"""
# KEYS: the signs of life. ARGV: whose.
_BEAT = "return redis.call('hset', KEYS[1], ARGV[1], redis.call('time')[1])"
_AGE = """
local beat = redis.call('hget', KEYS[1], ARGV[1])
return beat and redis.call('time')[1] - beat or -1
"""


class _Token(threading.local):
    """What the creation lock of this thread is known by; empty while it holds none."""

    text = ""


class RedisLog(BaseJournalBackend):
    """The records of a journal on a Redis server.

    Args:
        url: `redis://user:password@host:port/database`.

    Raises:
        redis.RedisError: when the server does not answer or refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._token = _Token()
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            max_connections=MOST_THREADS,
        )
        self._append, self._read, self._release, self._beat, self._age = (
            self._client.register_script(script) for script in (_APPEND, _READ, _RELEASE, _BEAT, _AGE)
        )
        self._client.ping()

    def append(self, records: list[dict[str, Any]], *, sync: bool = True) -> None:
        """Append records, all together; whether they are synced to a disk is the server's setting.

        Raises:
            ExclusivityLostError: when this thread's creation lock lapsed; nothing was written then.
            StorageLostError: when the server does not answer.
        """
        del sync
        token, mark = self._token.text, _DONE + uuid.uuid4().hex
        texts = [json.dumps(record) for record in records]
        answer = self._ask(lambda: self._append(keys=[_COUNT, _LOCK, mark], args=[token, *texts]))
        if answer != b"done":
            raise ExclusivityLostError(f"The creation lock on {safe(self.url)} lapsed after {LEASE_S:g} s.")

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append records, as Optuna asks for it."""
        self.append(logs)

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Yield the records from number `log_number_from` on.

        Raises:
            QGTuneError: when the server has lost records.
            StorageLostError: when it does not answer.
        """
        start = log_number_from
        while True:
            n_there, found = self._read_from(start)
            if n_there < start or None in found:
                found = self._later(start, n_there)
            for text in found:
                yield json.loads(text)
            start += len(found)
            if start >= n_there:
                return

    def _read_from(self, start: int) -> tuple[int, list[bytes]]:
        n_there, found = self._ask(lambda: self._read(keys=[_COUNT], args=[start]))
        return n_there, found

    def _later(self, start: int, n_there: int) -> list[bytes]:
        """Give a writer that makes a record in two steps (Optuna's, on a cluster) a second, then give up."""
        if n_there >= start:
            time.sleep(1.0)
            _, found = self._read_from(start)
            if None not in found:
                return found
        raise QGTuneError(
            f"Cannot read the studies in {safe(self.url)}: the server has lost records of their journal. It was "
            "restarted without persistence, or evicts keys. Set appendonly to yes and maxmemory-policy to noeviction, "
            "and start anew."
        )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the right to create trials; whoever holds it longer than `LEASE_S` loses it, and can write no more.

        Raises:
            ExclusivityLostError: by a write inside, when it lapsed.
        """
        token = uuid.uuid4().hex
        try:
            self._acquire(token)
            self._token.text = token
            yield
        finally:
            self._token.text = ""
            with suppress(redis.RedisError):  # it lapses
                self._release(keys=[_LOCK, _WAKE], args=[token, int(LEASE_S * 1000)])

    def _acquire(self, token: str) -> None:
        while not self._ask(lambda: self._client.set(_LOCK, token, nx=True, px=int(LEASE_S * 1000))):
            self._ask(lambda: self._client.blpop([_WAKE], timeout=WAIT_S))

    def _ask(self, act: Callable[[], Any]) -> Any:
        return persistently(act, self.url)

    def beat(self, owner: str) -> None:
        """Note that `owner` lives, by the server's clock."""
        self._beat(keys=[_ALIVE], args=[owner])

    def forget(self, owner: str) -> None:
        """Note that `owner` ended in good order."""
        self._client.hdel(_ALIVE, owner)

    def age_s(self, owner: str) -> int | None:
        """Return how long ago `owner` beat, in seconds by the server's clock; None when it never did."""
        age = int(self._age(keys=[_ALIVE], args=[owner]))
        return None if age < 0 else age

    def __reduce__(self) -> tuple[type[RedisLog], tuple[str]]:
        """Pickle the address: a connection belongs to a process."""
        return RedisLog, (self.url,)
