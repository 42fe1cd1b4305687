"""The user's function on its way into another process."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import pytest

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


def test_a_closure_travels_by_value() -> None:
    """A function that no module holds by its name arrives with what it closes over."""
    factor = 2
    assert pickle.loads(pickle.dumps(UserFunction(lambda value: factor * value)))(3) == 6  # noqa: S301 - our own bytes
