"""What a study's trials have in common because nobody samples it: the app's other settings, and its code."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.files import digest
from qgtune.study.attempts.owner import Owner
from qgtune.study.attempts.submission import awaits_submitted
from qgtune.study.storages.exclusive import exclusively

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qgtune.study.session import Session

ATTRIBUTE = "qgtune:settings"
"""The study's attribute that holds the latest settings; the ones before are under it, a colon and their digest."""
SWEEPS = "qgtune:sweeps"
"""The study's attribute that names the sweeps that run now: their owners and their settings, by the owner's name."""
N_SHOWN = 10
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Workers:
    """The workers of a sweep.

    Attributes:
        n_workers: how many it was started with.
        n_places: how many there may be; None for any number.
        fixed: why their number cannot be changed, and what to do; empty where it can.
    """

    n_workers: int = 1
    n_places: int | None = None
    fixed: str = ""


@dataclass(frozen=True, slots=True)
class FixedSettings:
    """All that is not sampled.

    Attributes:
        values: by path, as text; without passwords.
        code: the digests of the project's Python files that were loaded, by path below the project's folder.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A short text that other settings do not have."""
        return digest(json.dumps([sorted(self.values.items()), sorted(self.code.items())]).encode())

    @classmethod
    def of(cls, values: Mapping[str, Any], code: Mapping[str, str]) -> FixedSettings:
        """Take in values, which are shortened, and code."""
        texts = {path: json.dumps(value, default=str, ensure_ascii=False) for path, value in values.items()}
        return cls({path: _short(text) for path, text in texts.items()}, dict(code))

    def changes_since(self, before: FixedSettings) -> list[str]:
        """Name each change, as `path: old, now new`."""
        paths = sorted({*before.values, *self.values})
        gone = "not there"
        found = [
            f"{path}: {before.values.get(path, gone)}, now {self.values.get(path, gone)}"
            for path in paths
            if before.values.get(path) != self.values.get(path)
        ]
        files = sorted(path for path in {*before.code} & {*self.code} if before.code[path] != self.code[path])
        return found + [f"the code of {path} ({before.code[path]}, now {self.code[path]})" for path in files]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({digest(text.encode())})"


@contextmanager
def registered(session: Session, settings: FixedSettings, workers: Workers) -> Iterator[list[str]]:
    """Let the study know a sweep while it runs.

    Args:
        session: the study.
        settings: all that the sweep does not sample.
        workers: its workers.

    Yields:
        What changed since the sweep before, one line a change.

    Raises:
        QGTuneError: when another sweep runs on the study with other settings.
    """
    yield exclusively(session.storage, lambda: _register(session, settings, workers))
    exclusively(session.storage, lambda: _set_sweeps(session, _others(session)))


def _register(session: Session, settings: FixedSettings, workers: Workers) -> list[str]:
    study, others = session.study, _others(session)
    for sweep in others.values():
        theirs = FixedSettings(study.user_attrs.get(f"{ATTRIBUTE}:{sweep['settings']}", {}).get("values", {}))
        if differing := FixedSettings(settings.values).changes_since(theirs):
            raise QGTuneError(
                f"Cannot join study {study.study_name!r}: a sweep with other settings runs on it now "
                f"(process {sweep['owner']['pid']} on {sweep['owner']['host']}). {'; '.join(_first(differing))}. Give "
                "another hydra.sweep.dir or study_name, or the same settings."
            )
    before = study.user_attrs.get(f"{ATTRIBUTE}:{study.user_attrs.get(ATTRIBUTE, '')}")
    digest = settings.digest
    if study.user_attrs.get(ATTRIBUTE) != digest:
        study.set_user_attr(f"{ATTRIBUTE}:{digest}", {"values": dict(settings.values), "code": dict(settings.code)})
        study.set_user_attr(ATTRIBUTE, digest)
    mine = {"owner": session.owner.to_attribute(), "settings": digest, "workers": asdict(workers)}
    _set_sweeps(session, {**others, session.owner.name: mine})
    return [] if before is None else _first(settings.changes_since(FixedSettings(**before)))


def runs_now(session: Session) -> bool:
    """Say whether a sweep is known to run on the study, or submitted workers are to finish it."""
    return bool(workers_now(session)) or awaits_submitted(session)


def workers_now(session: Session) -> dict[Owner, Workers]:
    """Return the workers of each sweep that is known to run on the study, by its own process."""
    running = [sweep for sweep in session.study.user_attrs.get(SWEEPS, {}).values() if _lives(session, sweep)]
    found = ((Owner.from_attribute(sweep["owner"]), Workers(**sweep.get("workers", {}))) for sweep in running)
    return {owner: workers for owner, workers in found if owner is not None}


def _others(session: Session) -> dict[str, Any]:
    """Return the other sweeps that are not known to have ended."""
    known = session.study.user_attrs.get(SWEEPS, {})
    return {name: sweep for name, sweep in known.items() if name != session.owner.name and _lives(session, sweep)}


def _lives(session: Session, sweep: Mapping[str, Any]) -> bool:
    owner = Owner.from_attribute(sweep.get("owner"))
    return owner is not None and not session.is_gone(owner)


def _set_sweeps(session: Session, sweeps: Mapping[str, Any]) -> None:
    if session.study.user_attrs.get(SWEEPS, {}) != sweeps:
        session.study.set_user_attr(SWEEPS, dict(sweeps))


def _first(lines: list[str]) -> list[str]:
    more = len(lines) - N_SHOWN
    return [*lines[:N_SHOWN], f"and {more} more"] if more > 0 else lines
