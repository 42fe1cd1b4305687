"""The user's function on its way into another process."""

from __future__ import annotations

import functools
import pickle
import sys
from typing import Any

import pytest

from qgtune import QGTuneError
from qgtune.processes.function import UserFunction


def plain(value: int) -> int:
    """Return the value."""
    return value


def decorate(function: Any) -> Any:
    """Wrap a function the way `hydra.main` does."""

    @functools.wraps(function)
    def wrapper() -> Any:
        raise RuntimeError("the decorated function must not be called")

    return wrapper


@decorate
@decorate
def decorated(value: int) -> int:
    """Return the value."""
    return value


@pytest.mark.parametrize("function", [plain, decorated.__wrapped__.__wrapped__], ids=["plain", "decorated twice"])
def test_functions_travel_by_name(function: Any) -> None:
    """A function at the top level arrives as itself, also from under its decorators."""
    assert pickle.loads(pickle.dumps(UserFunction(function)))(3) == 3  # noqa: S301 - our own bytes


def test_a_closure_needs_cloudpickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function without a name to find it by travels by value, or is one clear error."""
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(QGTuneError, match=r"Cannot send .*lambda.*n_jobs=1, or install cloudpickle"):
        pickle.dumps(UserFunction(lambda value: value))
