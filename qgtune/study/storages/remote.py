"""Storages behind a server: what to do when it does not answer, and how to say so."""

from __future__ import annotations

import logging
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optuna.storages import BaseStorage

from qgtune.errors import QGTuneError
from qgtune.study.storages.addresses import Storage, safe, scrub
from qgtune.study.storages.exclusive import StorageLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger("qgtune")

CONNECT_TIMEOUT_S = 10
"""How long a server may take to answer at first."""
PAUSES_S = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""How long to wait before each further try; half a minute together, in which a server can restart."""
PAUSES_AFTER_LOSS_S = PAUSES_S[:3]
"""The same for a storage that was found lost less than `LOSS_S` ago: what ends a sweep asks it several times."""
LOSS_S = 60.0

_LOST = {
    ("builtins", "ConnectionError"),
    ("builtins", "TimeoutError"),
    ("grpc", "RpcError"),
    ("optuna", "StorageInternalError"),
    ("redis", "ConnectionError"),
    ("redis", "TimeoutError"),
    ("redis", "BusyLoadingError"),
    ("sqlalchemy", "InterfaceError"),
    ("sqlalchemy", "OperationalError"),
}
_ADVICE = (
    (("refused", "connection reset", "server closed"), "Start the server, or correct host and port."),
    (
        ("password", "wrongpass", "noauth", "authentication", "access denied", "no pg_hba.conf entry"),
        "Correct the user name and the password.",
    ),
    (("name or service not known", "translate host", "name resolution", "resolve host"), "Correct the host name."),
    (("does not exist", "unknown database", "db index"), "Create it, or correct the name."),
    (("timeout", "timed out"), "Look whether the server can be reached from this host."),
    (("permission denied", "readonly", "read-only"), "Give the user the right to write there."),
)


_lost_at_s: dict[str, float] = {}
_NOISE = re.compile(r"^Error -?\d+ connecting to \S+\. ")  # Redis repeats the address


def is_lost(error: BaseException) -> bool:
    """Say whether an error means that the storage did not answer, rather than that it refused.

    The classes are known by name: none of their packages need be installed.
    """
    return any((kind.__module__.split(".", 1)[0], kind.__name__) in _LOST for kind in type(error).__mro__)


def reason_of(error: BaseException, storage: Storage) -> str:
    """Return why a server cannot be used: one line, without the passwords of the storage's name."""
    while error.__cause__ is not None and _is_wrapper(error):
        error = error.__cause__
    lines = [line.strip() for line in _text_of(error).splitlines() if line.strip()]
    first = lines[0].rpartition(" failed: ")[2] if lines else type(error).__name__
    return scrub(_NOISE.sub("", first), storage).strip(". ")


def _text_of(error: BaseException) -> str:
    if callable(details := getattr(error, "details", None)):  # gRPC
        return str(details())
    inner = getattr(error, "orig", None) or error  # SQLAlchemy
    return str(inner.args[1] if len(inner.args) > 1 and isinstance(inner.args[0], int) else inner)  # MySQL: code, text


def _is_wrapper(error: BaseException) -> bool:
    return type(error).__name__ == "StorageInternalError"


def advice(reason: str) -> str:
    """Return what to do about a reason, as a sentence."""
    lower = reason.lower()
    return next((text for words, text in _ADVICE if any(word in lower for word in words)), "Look at the server's log.")


@contextmanager
def opening(storage: Storage) -> Iterator[None]:
    """Turn whatever goes wrong while a storage is opened into one line.

    Raises:
        QGTuneError: without the storage's password.
    """
    try:
        yield
    except QGTuneError:
        raise
    except Exception as error:  # noqa: BLE001 - each driver has its own, and none is a bug of ours to show
        reason = reason_of(error, storage)
        raise QGTuneError(f"Cannot open the storage {safe(storage)}: {reason}. {advice(reason)}") from None


def persistently(act: Callable[[], Any], storage: Storage, sleep: Callable[[float], None] = time.sleep) -> Any:
    """Call `act`, which may be called several times over, until the storage answers.

    Args:
        act: does one thing with the storage.
        storage: its name, for messages.
        sleep: waits for some seconds.

    Raises:
        StorageLostError: when it does not answer for half a minute; after that, for two seconds.
    """
    name = str(storage)
    was_lost = time.monotonic() - _lost_at_s.get(name, -LOSS_S) < LOSS_S
    for pause_s in (*(PAUSES_AFTER_LOSS_S if was_lost else PAUSES_S), None):
        try:
            result = act()
        except Exception as error:
            if not is_lost(error):
                raise
            if pause_s is None:
                _lost_at_s[name] = time.monotonic()
                raise lost(error, storage) from None
            if pause_s == 1.0 and not was_lost:
                log.warning(
                    "The storage %s does not answer (%s): trying again.", safe(storage), reason_of(error, storage)
                )
            sleep(pause_s)
        else:
            _lost_at_s.pop(name, None)
            return result
    raise AssertionError("unreachable")  # pragma: no cover


def lost(error: BaseException, storage: Storage) -> StorageLostError:
    """Return the error that ends a worker whose storage is gone."""
    return StorageLostError(
        f"Cannot reach the storage {safe(storage)} any more: {reason_of(error, storage)}. What was finished is kept: "
        "run the same command again once it answers."
    )


def _delegate(name: str) -> Callable[..., Any]:
    def method(self: RemoteStorage, *args: Any, **kwargs: Any) -> Any:
        return self.call(name, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"Do what `{name}` of the storage inside does."
    return method


_METHODS = [name for name, value in vars(BaseStorage).items() if callable(value) and not name.startswith("_")]
_Delegating: Any = type("_Delegating", (BaseStorage,), {name: _delegate(name) for name in _METHODS})


class RemoteStorage(_Delegating):  # type: ignore[misc]  # made of all methods at run time
    """Any storage of Optuna's, asked again when its server does not answer for a moment.

    Args:
        inner: the storage.
        name: what the user called it.
    """

    def __init__(self, inner: BaseStorage, name: Storage) -> None:
        self.inner = inner
        self.name = name

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method of the storage inside.

        Raises:
            StorageLostError: when the server does not answer; at once where a second try might do the same thing twice.
        """
        bound = getattr(self.inner, method)
        if method != "create_new_trial":  # all else may be done twice
            return persistently(lambda: bound(*args, **kwargs), self.name)
        try:
            return bound(*args, **kwargs)
        except Exception as error:
            if is_lost(error):
                raise lost(error, self.name) from None
            raise
