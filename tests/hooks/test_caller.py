"""A hook that fails, hangs or cannot be built costs a sweep one warning."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from qgtune.hooks.caller import Caller
from qgtune.hooks.hook import Hook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qgtune.hooks.caller import Trouble

import pytest

BOX_S = 20


class Notes(Hook):
    """Notes what it hears, and the thread that it hears it in."""

    timeout_s: ClassVar[float] = BOX_S

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.threads: set[str] = set()

    def new_best(self, trial: Any) -> None:
        """Note it; what can be called is called."""
        self.threads.add(threading.current_thread().name)
        self.heard.append(trial)
        if callable(trial):
            trial()


@dataclass
class Warned:
    """Keeps the warnings of a caller."""

    told: list[tuple[Trouble, str]] = field(default_factory=list)

    def __call__(self, trouble: Trouble, text: str) -> None:
        """Keep one."""
        self.told.append((trouble, text))


@dataclass
class Clock:
    """A clock that a test sets."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


@pytest.fixture
def warned() -> Warned:
    """Return what keeps warnings."""
    return Warned()


@pytest.fixture
def stuck() -> Iterator[Callable[[], None]]:
    """Return a function that does not return until the test is over."""
    is_over = threading.Event()

    def wait() -> None:
        is_over.wait(BOX_S)

    yield wait
    is_over.set()


def _raise() -> None:
    raise LookupError("no\nsuch thing")


def test_a_hook_hears_all_in_order_and_in_one_thread(warned: Warned) -> None:
    """Once the caller has settled, the hook has heard of everything, in a thread that is not the caller's."""
    hook = Notes()
    caller = Caller(lambda: hook, warned)
    for number in range(50):
        caller.call("new_best", number)
    caller.settle()
    assert hook.heard == list(range(50))
    assert hook.threads == {"qgtune-hook"}
    assert warned.told == []


def test_a_hook_is_built_in_its_own_thread_when_there_is_something_to_tell(warned: Warned) -> None:
    """Building it may take long: no trial waits for it, and who hears of nothing is not built."""
    built: list[str] = []

    def make() -> Hook:
        built.append(threading.current_thread().name)
        return Hook()

    caller = Caller(make, warned)
    caller.settle()
    assert built == []
    caller.call("new_best", 1)
    caller.settle()
    assert built == ["qgtune-hook"]


def test_a_hook_that_raises_is_called_again(warned: Warned) -> None:
    """A server that did not answer once may answer later; each failure is told, for the sweep to say once."""
    hook = Notes()
    caller = Caller(lambda: hook, warned)
    for event in (_raise, 2, _raise, 4):
        caller.call("new_best", event)
    caller.settle()
    assert hook.heard[1::2] == [2, 4]
    assert [trouble for trouble, _ in warned.told] == ["failed", "failed"]
    assert "failed: LookupError: no. The sweep goes on" in warned.told[0][1]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt], ids=lambda error: str(error.__name__))
def test_no_exception_of_a_hook_ends_its_thread(warned: Warned, error: type[BaseException]) -> None:
    """A hook that calls `sys.exit` ends nothing."""
    hook = Notes()

    def leave() -> None:
        raise error

    caller = Caller(lambda: hook, warned)
    caller.call("new_best", leave)
    caller.call("new_best", 2)
    caller.settle()
    assert hook.heard[1:] == [2]
    assert len(warned.told) == 1


def test_a_hook_that_hangs_is_left_out(warned: Warned, stuck: Callable[[], None]) -> None:
    """Whoever calls does not wait; after the hook's time nothing is kept for it, and waiting for it ends at once."""
    hook, clock = Notes(), Clock()
    caller = Caller(lambda: hook, warned, clock)
    began = threading.Event()

    def hang() -> None:
        began.set()
        stuck()

    caller.call("new_best", hang)
    assert began.wait(BOX_S)
    caller.call("new_best", 2)
    assert warned.told == []
    clock.now_s = BOX_S + 1
    caller.call("new_best", 3)
    caller.call("new_best", 4)
    caller.settle()
    assert warned.told == [("slow", f"takes longer than {BOX_S} s. The sweep goes on without it")]
    assert len(hook.heard) == 1


def test_waiting_for_a_hook_that_hangs_has_an_end(warned: Warned, stuck: Callable[[], None]) -> None:
    """Then it is left out, too."""
    caller = Caller(Notes, warned)
    caller.call("new_best", stuck)
    caller.settle(0.01)
    assert warned.told == [("slow", "takes longer than 0.01 s. The sweep goes on without it")]


def test_a_hook_that_is_slow_at_the_start_is_waited_for_and_kept(warned: Warned) -> None:
    """A database that takes its time, say, is no reason to go without."""
    hook, go_on = Notes(), threading.Event()
    caller = Caller(lambda: hook, warned)
    caller.call("new_best", lambda: go_on.wait(BOX_S))
    caller.settle(0.01, leaves_out=False)
    go_on.set()
    caller.call("new_best", 2)
    caller.settle()
    assert hook.heard[1:] == [2]
    assert warned.told == []


def test_a_hook_that_cannot_be_built_is_left_out(warned: Warned) -> None:
    """It is tried once, and nobody waits for it."""
    n_tried = 0

    def make() -> Hook:
        nonlocal n_tried
        n_tried += 1
        raise ImportError("no such library.")

    caller = Caller(make, warned)
    caller.call("new_best", 1)
    caller.settle()
    caller.call("new_best", 2)
    caller.settle()
    assert n_tried == 1
    text = "cannot be built: ImportError: no such library. The sweep goes on without it"
    assert warned.told == [("unbuilt", text)]
