"""Signs of life of workers on other hosts: a small file each, beside the journal.

On its own host a process is known to live or not; of another host's nothing is known but that its file is touched every
`PERIOD_S` seconds.
"""

from __future__ import annotations

import contextlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from qgtune.study.owners import Owner

PERIOD_S = 30.0
N_MISSED = 5


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The files of one study's workers.

    Attributes:
        folder: where they lie; made when the first worker starts.
    """

    folder: Path

    def beat(self, owner: Owner) -> None:
        """Show that `owner` lives. A folder that cannot be written is no reason to stop working."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(exist_ok=True)
            self._file(owner).touch()

    def remove(self, owner: Owner) -> None:
        """Take away the file of an owner that ended in good order."""
        with contextlib.suppress(OSError):
            self._file(owner).unlink()
            (self.folder / ".now").unlink(missing_ok=True)
            self.folder.rmdir()  # succeeds for the last one only

    def have_stopped(self, owner: Owner) -> bool:
        """Say whether the owner missed `N_MISSED` beats.

        Returns:
            False as well for an owner without a file: nothing is known of it.
        """
        try:
            age_s = self._now_s() - self._file(owner).stat().st_mtime
        except OSError:
            return False
        return age_s > N_MISSED * PERIOD_S

    def _now_s(self) -> float:
        """Return the time on the clock that stamps the files, which may be a file server's."""
        probe = self.folder / ".now"
        probe.touch()
        return probe.stat().st_mtime

    def _file(self, owner: Owner) -> Path:
        return self.folder / f"{owner.host}-{owner.pid}-{owner.started}"

    @contextmanager
    def kept_up(self, owner: Owner, period_s: float = PERIOD_S) -> Iterator[None]:
        """Beat inside, from a thread of its own."""
        self.beat(owner)
        try:
            with repeatedly(period_s, lambda: self.beat(owner), "qgtune-heartbeat"):
                yield
        finally:
            self.remove(owner)


@contextmanager
def repeatedly(period_s: float, act: Callable[[], None], name: str) -> Iterator[None]:
    """Call `act` every `period_s` seconds inside, from a thread of its own called `name`."""
    ended = threading.Event()

    def keep_acting() -> None:
        while not ended.wait(period_s):
            act()

    thread = threading.Thread(target=keep_acting, daemon=True, name=name)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
