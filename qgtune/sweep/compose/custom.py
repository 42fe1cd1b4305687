"""`custom_search_space`: a function of the user's that asks a trial for more values."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune.errors import QGTuneError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import optuna
    from omegaconf import DictConfig


@dataclass(frozen=True, slots=True)
class CustomSpace:
    """Calls the user's function; what it suggests is set in the config, each name a path.

    Attributes:
        name: where the function is, as `module.function`.
        fixed: what the command line fixed, `key: text`; the trial carries it as user attributes.
    """

    name: str
    fixed: Mapping[str, str] = field(default_factory=dict)

    def suggest(self, config: DictConfig, trial: optuna.Trial, known: frozenset[str]) -> dict[str, Any]:
        """Let the function suggest values.

        Args:
            config: the trial's config, with the values of the search space in place.
            trial: the live trial.
            known: the names that were suggested before.

        Returns:
            The values of the names that the function suggested, in its order.
        """
        for key, text in self.fixed.items():
            trial.set_user_attr(key, text)
        _function(self.name)(config, trial)
        return {name: value for name, value in trial.params.items() if name not in known}

    def check(self) -> None:
        """Find the function.

        Raises:
            QGTuneError: when there is none.
        """
        _function(self.name)


@functools.cache
def _function(name: str) -> Callable[[DictConfig, optuna.Trial], None]:
    module_name, _, attribute = name.lstrip(".").rpartition(".")
    try:
        module = sys.modules["__main__"] if _is_main(module_name) else importlib.import_module(module_name)
    except (ImportError, ValueError) as error:
        raise QGTuneError(
            f"Cannot use hydra.sweeper.custom_search_space={name}: module {module_name!r} does not import: {error}. "
            "Give it as module.function."
        ) from None
    found = getattr(module, attribute, None)
    if not callable(found):
        hint = did_you_mean(attribute, [key for key, value in vars(module).items() if callable(value)])
        raise QGTuneError(
            f"Cannot use hydra.sweeper.custom_search_space={name}: {module_name!r} has no function {attribute!r}.{hint}"
        )
    function: Callable[[DictConfig, optuna.Trial], None] = found
    return function


def _is_main(module_name: str) -> bool:
    """Say whether a module is the script that runs: importing it again would run its top level twice."""
    main = getattr(sys.modules["__main__"], "__file__", None)
    spec = importlib.util.find_spec(module_name) if module_name else None
    return bool(main and spec and spec.origin and Path(spec.origin).resolve() == Path(main).resolve())
