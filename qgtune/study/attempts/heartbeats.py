"""Signs of life of workers on other hosts.

On its own host a process is known to live or not; of another host's nothing is known but that it beats every
`PERIOD_S` seconds: it touches a file beside a journal, sets a field on a Redis server, or an attribute of the study.
"""

from __future__ import annotations

import contextlib
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qgtune.errors import QGTuneError
from qgtune.threads import start_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from optuna.storages import BaseStorage

    from qgtune.study.attempts.owner import Owner
    from qgtune.study.storages.redis_log import RedisLog

PERIOD_S = 30.0
N_MISSED = 5
CLOCKS_DIFFER_S = 600.0
"""How far the clocks of hosts may be apart where a storage has none of its own to go by."""
ALIVE = "qgtune:alive:"


@contextmanager
def repeatedly(period_s: float, act: Callable[[], None], name: str) -> Iterator[None]:
    """Call `act` every `period_s` seconds inside, from a thread of its own called `name`."""
    ended = threading.Event()

    def keep_acting() -> None:
        while not ended.wait(period_s):
            act()

    thread = start_thread(keep_acting, name=name)
    try:
        yield
    finally:
        ended.set()
        thread.join()


class Beats:
    """What all kinds of heartbeats have in common."""

    def beat(self, owner: Owner) -> None:
        """Show that `owner` lives. Failing to is no reason to stop working."""
        raise NotImplementedError

    def remove(self, owner: Owner) -> None:
        """Take away the sign of an owner that ended in good order."""
        raise NotImplementedError

    def have_stopped(self, owner: Owner) -> bool:
        """Say whether the owner missed `N_MISSED` beats.

        Returns:
            False as well for an owner that never beat: nothing is known of it.
        """
        raise NotImplementedError

    def know(self, owner: Owner) -> bool:
        """Say whether the owner beats at all."""
        return self.last_s(owner) is not None

    def last_s(self, owner: Owner) -> float | None:
        """Return when the owner last beat, in seconds since the epoch; None if it never did, or ended in good order."""
        raise NotImplementedError

    @contextmanager
    def kept_up(self, owner: Owner, period_s: float = PERIOD_S) -> Iterator[None]:
        """Beat inside, from a thread of its own."""
        self.beat(owner)
        try:
            with repeatedly(period_s, lambda: self.beat(owner), "qgtune-heartbeat"):
                yield
        finally:
            self.remove(owner)


@dataclass(frozen=True, slots=True)
class Heartbeats(Beats):
    """A small file for each of a study's workers, beside the journal.

    Attributes:
        folder: where they lie; made when the first worker starts.
    """

    folder: Path

    def beat(self, owner: Owner) -> None:
        """Touch the owner's file, if the folder can be written."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            self._file(owner).touch()

    def remove(self, owner: Owner) -> None:
        """Take away the owner's file."""
        with contextlib.suppress(OSError):
            self._file(owner).unlink()
            (self.folder / ".now").unlink(missing_ok=True)
            self.folder.rmdir()  # succeeds for the last one only

    def have_stopped(self, owner: Owner) -> bool:
        """Say whether the owner's file is there and too old."""
        try:
            age_s = self._now_s() - self._file(owner).stat().st_mtime
        except OSError:
            return False
        return age_s > N_MISSED * PERIOD_S

    def last_s(self, owner: Owner) -> float | None:
        """Return when the owner's file was last touched."""
        try:
            return self._file(owner).stat().st_mtime
        except OSError:
            return None

    def _now_s(self) -> float:
        """Return the time on the clock that stamps the files, which may be a file server's."""
        probe = self.folder / ".now"
        probe.touch()
        return probe.stat().st_mtime

    def _file(self, owner: Owner) -> Path:
        return self.folder / owner.name


@dataclass(frozen=True, slots=True)
class RedisHeartbeats(Beats):
    """A field for each worker on a Redis server, by the server's clock.

    Attributes:
        log: the journal there.
    """

    log: RedisLog

    def beat(self, owner: Owner) -> None:
        """Set the owner's field to the server's time, if it answers."""
        with contextlib.suppress(*_failures()):
            self.log.beat(owner.name)

    def remove(self, owner: Owner) -> None:
        """Take away the owner's field."""
        with contextlib.suppress(*_failures()):
            self.log.forget(owner.name)

    def have_stopped(self, owner: Owner) -> bool:
        """Say whether the owner's field is there and too old."""
        age_s = self.log.age_s(owner.name)
        return age_s is not None and age_s > N_MISSED * PERIOD_S

    def last_s(self, owner: Owner) -> float | None:
        """Return when the owner's field was last set, on this host's clock."""
        age_s = self.log.age_s(owner.name)
        return None if age_s is None else time.time() - age_s


def _failures() -> tuple[type[Exception], ...]:
    import redis

    return redis.RedisError, QGTuneError


@runtime_checkable
class Clocked(Protocol):
    """A storage with a clock that all its users share."""

    def now_s(self) -> float:
        """Return its time in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class AttributeHeartbeats(Beats):
    """An attribute of the study for each worker, with the time of its last beat; null once it ended in good order.

    Attributes:
        storage: the study's storage.
        study_id: the study's id there.
        now_s: the time, in seconds since the epoch, on a clock that the hosts share, or nearly.
        tolerance_s: how far the hosts' clocks may be apart.
    """

    storage: BaseStorage
    study_id: int
    now_s: Callable[[], float] = time.time
    tolerance_s: float = CLOCKS_DIFFER_S

    def beat(self, owner: Owner) -> None:
        """Set the owner's attribute, if the storage answers."""
        with contextlib.suppress(QGTuneError):
            self.storage.set_study_user_attr(self.study_id, ALIVE + owner.name, self.now_s())

    def remove(self, owner: Owner) -> None:
        """Set the owner's attribute to null: Optuna cannot delete one."""
        with contextlib.suppress(QGTuneError):
            self.storage.set_study_user_attr(self.study_id, ALIVE + owner.name, None)

    def last_s(self, owner: Owner) -> float | None:
        """Return what the owner's attribute says."""
        beat_s: float | None = self.storage.get_study_user_attrs(self.study_id).get(ALIVE + owner.name)
        return beat_s

    def have_stopped(self, owner: Owner) -> bool:
        """Say whether the owner's attribute is too old, or null."""
        beat_s = self.storage.get_study_user_attrs(self.study_id).get(ALIVE + owner.name, self.now_s())
        return beat_s is None or self.now_s() - beat_s > N_MISSED * PERIOD_S + self.tolerance_s
