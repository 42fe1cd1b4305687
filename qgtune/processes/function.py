"""The user's function: on its way into another process, and what a call of it may not change of this one."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError
from qgtune.processes.family import ending_forked
from qgtune.processes.output.streams import kept_streams

if TYPE_CHECKING:
    from collections.abc import Callable


def refuse_unguarded_script() -> None:
    """Refuse to start processes that would import, and so run, the script once more.

    Raises:
        QGTuneError: when the main script starts its function at the top level, whoever imports it.
    """
    main = sys.modules["__main__"]
    file, spec = getattr(main, "__file__", None), getattr(main, "__spec__", None)
    if not file or not file.endswith(".py") or (spec is not None and spec.name.endswith("__main__")):
        return
    try:
        guarded = "__main__" in Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    if not guarded:
        raise QGTuneError(
            f"Cannot start worker processes: they import {Path(file).name}, which would start all over in each of "
            'them. Put the call of its function at the end below:  if __name__ == "__main__":'
        )


@dataclass(frozen=True, slots=True)
class UserFunction:
    """The user's function.

    `@hydra.main` hands its plugins the undecorated function, whose name leads to the decorated one, so that `pickle`
    refuses it. It travels as that name and the number of decorators to take off.

    Attributes:
        function: takes a job's config, or a trial and its tuning config, and returns the objective's value.
        as_it_is: leaves it to whatever pickles it. Launchers such as joblib's pickle the functions of the main script
            by value, since their processes do not import it.
    """

    function: Callable[..., Any]
    as_it_is: bool = False

    def __call__(self, *arguments: Any) -> Any:
        """Call the function."""
        return called(self.function, *arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name, or by value where no module holds the function by its name."""
        if self.as_it_is:
            return UserFunction, (self.function, True)
        module, name = getattr(self.function, "__module__", ""), getattr(self.function, "__qualname__", "")
        depth = _depth(module, name, self.function)
        if depth is not None:
            return _by_name, (module, name, depth)
        import cloudpickle  # slow to import, and seldom needed

        return _by_value, (cloudpickle.dumps(self.function),)


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the user's function; what comes after it in this process does not suffer."""
    limit = sys.getrecursionlimit()
    with kept_streams(), ending_forked():
        try:
            return function(*arguments)
        finally:
            if sys.getrecursionlimit() < limit:
                sys.setrecursionlimit(limit)


def _depth(module: str, name: str, function: Any) -> int | None:
    if module == "__main__" and not hasattr(sys.modules[module], "__file__"):
        return None  # a notebook, a prompt or `python -c`: no other process has that module
    try:
        found = _find(module, name)
    except (ImportError, AttributeError):
        return None
    for depth in range(10):
        if found is function:
            return depth
        found = getattr(found, "__wrapped__", None)
    return None


def _find(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module) or importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def _by_name(module: str, name: str, depth: int) -> UserFunction:
    found = _find(module, name)
    for _ in range(depth):
        found = found.__wrapped__
    return UserFunction(found)


def _by_value(pickled: bytes) -> UserFunction:
    import cloudpickle

    return UserFunction(cloudpickle.loads(pickled))
