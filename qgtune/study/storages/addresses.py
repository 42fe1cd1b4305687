"""The texts that name a storage, and how to show them without the password in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, unquote_plus

Storage = str | Mapping[str, Any] | None
"""What a user gives as storage: a path or URL, a mapping with a `_target_`, or null."""

Kind = Literal["memory", "journal", "sqlite", "postgresql", "mysql", "redis", "grpc", "target", "unknown"]

MEMORY = "memory"
MASK = "***"
SCHEMES: Mapping[str, Kind] = {
    "redis": "redis",
    "rediss": "redis",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "grpc": "grpc",
}
_SECRET_KEYS = ("password", "passwd", "pwd", "pass", "sslpassword", "passphrase", "secret", "token", "api_key")
_USERINFO = re.compile(r"(?P<head>[A-Za-z][\w+.-]*://[^\s:/@'\"]*:)(?P<password>[^\s'\"]+)(?=@)")
_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*://)[^\s,'\"\]}]+")
_NOTIFY = "hydra.sweeper.notify"
_PARAMETER = re.compile(rf"(?P<head>[?&;](?:{'|'.join(_SECRET_KEYS)})=)(?P<password>[^\s&;'\"]+)", re.IGNORECASE)
_OVERRIDE = re.compile(
    rf"(?P<head>[+~]*(?:[\w@/-]+[.@:])*(?:{'|'.join(_SECRET_KEYS)})=)"
    r"(?!['\"]?\$\{|(?:null|true|false|\?\?\?|[^'\"]*[,(].*)?$).+",
    re.IGNORECASE | re.DOTALL,
)
"""An override of Hydra's that sets a secret; a reference, choices and ranges are none."""


def kind_of(storage: Storage) -> Kind:
    """Say what kind of storage is named; `unknown` for a URL whose scheme is none of `SCHEMES`."""
    if storage is None:
        return "memory"
    if isinstance(storage, Mapping):
        return "target"
    if "://" in storage:
        return SCHEMES.get(storage.split("://", 1)[0].split("+", 1)[0].lower(), "unknown")
    return "memory" if storage.lower() in (MEMORY, "none") else "journal"


def safe(storage: Storage) -> str:
    """Return the storage's name for messages: the text without its password, or the `_target_`."""
    if isinstance(storage, Mapping):
        return str(storage.get("_target_"))
    if storage is None:
        return MEMORY
    return _mask_parameters(_mask_userinfo(storage)) if "://" in storage else storage


def _mask_userinfo(url: str) -> str:
    """Mask all from the first colon to the last `@`: a password with odd characters in it is no less secret."""
    scheme, _, rest = url.partition("://")
    userinfo, at, place = rest.rpartition("@")
    name, colon, password = userinfo.partition(":")
    return f"{scheme}://{name}{colon}{MASK if password else ''}{at}{place}" if at else url


def _mask_parameters(text: str) -> str:
    return _PARAMETER.sub(rf"\g<head>{MASK}", text)


def redact(value: Any) -> Any:
    """Return plain data with the passwords of URLs, and the values of keys such as `password`, masked.

    The last part of a path counts as its key, and a text such as `db.password=…` is an override of it.
    Of the addresses that `hydra.sweeper.notify` has, in a config or on a command line, the schemes are left.
    """
    if isinstance(value, str):
        if override := _OVERRIDE.fullmatch(value):
            return f"{override['head']}{MASK}"
        before, notify, addresses = value.partition(_NOTIFY)
        shown = _mask_parameters(_USERINFO.sub(rf"\g<head>{MASK}", before))
        return f"{shown}{notify}{masked_urls(addresses)}"
    if isinstance(value, Mapping):
        return {key: _redact_item(key, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact(item) for item in value]
    return value


def masked_urls(value: Any) -> Any:
    """Return plain data with all of each URL masked but its scheme: any part of it may be a secret."""
    if isinstance(value, str):
        return _URL.sub(rf"\g<scheme>{MASK}", value)
    if isinstance(value, Mapping):
        return {key: masked_urls(item) for key, item in value.items()}
    return [masked_urls(item) for item in value] if isinstance(value, (list, tuple)) else value


def _redact_item(key: Any, item: Any) -> Any:
    if key == "notify":
        return masked_urls(item)
    is_text = isinstance(item, (str, int)) and not isinstance(item, bool)
    if is_text and _is_secret(key) and not str(item).startswith("${"):
        return MASK
    return redact(item)


def _is_secret(key: Any) -> bool:
    return str(key).lower().rpartition(".")[2] in _SECRET_KEYS


def secrets(storage: Storage) -> tuple[str, ...]:
    """Return the passwords in a storage's name, as they are written there and as they are meant; the longest first."""
    found: set[str] = set()
    if isinstance(storage, Mapping):
        for key, item in storage.items():
            if _is_secret(key) and isinstance(item, (str, int)):
                found.add(str(item))
            for part in item if isinstance(item, list) else [item]:
                found.update(secrets(part) if isinstance(part, (str, Mapping)) else ())
    elif storage is not None and "://" in storage:
        password = storage.partition("://")[2].rpartition("@")[0].partition(":")[2]
        found.update((password, unquote(password), unquote_plus(password)))
        for key, text in parse_qsl(storage.partition("?")[2]):
            if key.lower() in _SECRET_KEYS:
                found.add(text)
        found.update(match["password"] for match in _PARAMETER.finditer(storage))
    return tuple(sorted(found - {""}, key=lambda text: (-len(text), text)))


def scrub(text: str, storage: Storage) -> str:
    """Return what another library said about a storage, in one line and without the storage's passwords."""
    return " ".join(str(hidden(text, storage)).split())


def hidden(data: Any, storage: Storage) -> Any:
    """Return data without passwords: those that any address or key shows, and that of this storage wherever it is."""
    return redact(_without(data, secrets(storage)))


def _without(data: Any, found: tuple[str, ...]) -> Any:
    if isinstance(data, dict):
        return {key: _without(item, found) for key, item in data.items()}
    if isinstance(data, list):
        return [_without(item, found) for item in data]
    if isinstance(data, str):
        for secret in found:
            data = data.replace(secret, MASK)
    return data
