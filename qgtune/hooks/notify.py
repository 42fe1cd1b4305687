"""Notifications through apprise: mail, chats, phones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qgtune import checks
from qgtune.errors import QGTuneError
from qgtune.hooks.hook import Hook
from qgtune.hooks.loggers.names import require
from qgtune.study.storages.addresses import masked_urls

if TYPE_CHECKING:
    from qgtune.hooks.hook import SweepInfo, TrialInfo

EVENTS = ("end", "failure", "best")
N_BEST = 5


def read_notify(given: Any) -> dict[str, list[str]] | None:
    """Read the setting: an address, a list of them, or a mapping of `urls` and `when`; null for none.

    Raises:
        ValueError: when it is none of these.
    """
    if given is None:
        return None
    known = dict(given) if isinstance(given, Mapping) else {"urls": given}
    if unknown := set(known) - {"urls", "when"}:
        raise ValueError(f"there is no {min(map(str, unknown))}: give `urls` and `when`")
    urls, when = list(checks.paths(known.get("urls", []))), list(checks.paths(known.get("when", ["end", "failure"])))
    if not urls:
        raise ValueError("give an address")
    if wrong := [name for name in when if name not in EVENTS]:
        raise ValueError(f"`when` has {wrong[0]!r}, but knows {', '.join(EVENTS)}")
    return {"urls": urls, "when": when}


class Notifier(Hook):
    """Sends a message when a sweep is over.

    Args:
        urls: where to, as apprise writes it: `mailto://…`, `slack://…`, `json://…`.
        when: `end` for a sweep that ended well, `failure` for one that did not, `best` for each new best trial.

    Raises:
        QGTuneError: for an address that apprise does not know.
    """

    def __init__(self, urls: list[str], when: list[str]) -> None:
        require("apprise", "hydra.sweeper.notify", "notify")
        self.urls, self.when = urls, when
        self._apprise()

    def new_best(self, trial: TrialInfo) -> None:
        """Send the value."""
        if "best" in self.when:
            self._send(f"{trial.sweep.study_name}: new best trial {trial.number}", f"{_values(trial)}\n{trial.folder}")

    def sweep_ended(self, sweep: SweepInfo) -> None:
        """Send what came of it."""
        if ("failure" if sweep.failure else "end") in self.when:
            counts = ", ".join(f"{n} {state}" for state, n in sweep.counts.items() if n)
            best = [f"best: trial {trial.number} with {_values(trial)}" for trial in sweep.best[:N_BEST]]
            lines = [sweep.failure, counts, *best, str(sweep.folder)]
            how = "failed" if sweep.failure else "ended"
            self._send(f"{sweep.study_name}: the sweep {how}", "\n".join(filter(None, lines)))

    def _send(self, title: str, body: str) -> None:
        if not self._apprise().notify(title=title, body=body):
            raise OSError(f"not delivered to all of {', '.join(map(masked_urls, self.urls))}")

    def _apprise(self) -> Any:
        from apprise import Apprise

        made = Apprise()
        unknown = [url for url in self.urls if not made.add(url)]
        if unknown:
            raise QGTuneError(
                *(
                    f"Cannot notify {masked_urls(url)}: apprise does not know such an address. "
                    "https://appriseit.com lists those that it knows."
                    for url in unknown
                )
            )
        return made


def _values(trial: TrialInfo) -> str:
    return ", ".join(f"{name} {value:.6g}" for name, value in trial.values.items())
