"""A shorter text of a journal's beginning, so that a long journal is opened fast."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

import optuna

from qgtune.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log = logging.getLogger("qgtune")

_FORMAT = 1
_DISTRIBUTIONS = "distributions"
_SAMPLE_BYTES = 1 << 16


class Snapshot:
    """The file `.<name>.snapshot` beside a journal: records, one a trial, that say what the journal's first ones said.

    It is text, not a pickle, and is used only if it was made by this version of Optuna from a beginning of
    this journal and is whole. It may be deleted at any time.

    Args:
        journal: the journal file.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self.path = journal.with_name(f".{journal.name}.snapshot")

    def load(self) -> tuple[list[dict[str, Any]], int, int] | None:
        """Return the records, and how many of the journal's records and bytes they stand for; None if of no use."""
        try:
            head, _, body = self.path.read_bytes().partition(b"\n")
            header = json.loads(head)
            if header != self._header(header["records"], header["size"], body):
                return None
            return _unpacked(json.loads(body)), header["records"], header["size"]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, summary: Iterable[dict[str, Any]], n_records: int, n_bytes: int) -> None:
        """Write the snapshot, if the folder lets us: it saves time, and is not needed."""
        body = json.dumps(_packed(summary), separators=(",", ":")).encode()
        try:
            header = json.dumps(self._header(n_records, n_bytes, body)).encode()
            write_whole(self.path, header + b"\n" + body, sync=False)
        except OSError as error:
            log.debug("The snapshot %r cannot be written: %s", str(self.path), error.strerror)

    def _header(self, n_records: int, n_bytes: int, body: bytes) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "optuna": optuna.__version__,
            "records": n_records,
            "size": n_bytes,
            "journal": self._fingerprint(n_bytes),
            "body": hashlib.blake2b(body, digest_size=16).hexdigest(),
        }

    def _fingerprint(self, n_bytes: int) -> str:
        """Digest the start and the end of the journal's first `n_bytes`: its records have times and random ids."""
        digest = hashlib.blake2b(digest_size=16)
        with self._journal.open("rb") as file:
            digest.update(file.read(min(_SAMPLE_BYTES, n_bytes)))
            file.seek(max(0, n_bytes - _SAMPLE_BYTES))
            end = file.read(min(_SAMPLE_BYTES, n_bytes))
        if not end.endswith(b"\n"):
            raise ValueError
        digest.update(end)
        return digest.hexdigest()


def _packed(records: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Write equal search spaces once: they are most of a trial's text."""
    places: dict[tuple[tuple[str, str], ...], int] = {}
    packed = []
    for record in records:
        if _DISTRIBUTIONS in record:
            place = places.setdefault(tuple(record[_DISTRIBUTIONS].items()), len(places))
            packed.append(record | {_DISTRIBUTIONS: place})
        else:
            packed.append(record)
    return {"spaces": [dict(space) for space in places], "records": packed}


def _unpacked(body: dict[str, Any]) -> list[dict[str, Any]]:
    spaces, records = body["spaces"], body["records"]
    for record in records:
        if _DISTRIBUTIONS in record:
            record[_DISTRIBUTIONS] = spaces[record[_DISTRIBUTIONS]]
    return records  # type: ignore[no-any-return]
