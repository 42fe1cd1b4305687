"""What a setting is: its default, check and meaning, written once, where the setting is read.

`sweep/settings.py` has those of `hydra.sweeper`, `processes/slots.py` those of `hydra.launcher`, `tune/settings.py`
those of a tuning config. Hydra's dataclasses, the JSON schema and the README's tables come from there. Hydra imports
this file in every app: keep it light.
"""

from __future__ import annotations

import copy
import functools
from dataclasses import dataclass, field, fields, make_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {"bool": bool, "int": int, "float": float}


@dataclass(frozen=True, slots=True)
class Key:
    """A setting.

    Attributes:
        default: what holds where the user says nothing.
        check: returns the value or raises `ValueError` with the reason; None for one that is read elsewhere.
        meaning: one line for the README and for editors.
        shown: the default in words; empty for the value itself.
        kind: the type that Hydra holds it to.
    """

    default: Any
    check: Any
    meaning: str
    shown: str = ""
    kind: Any = Any

    @property
    def default_text(self) -> str:
        """The default as the README shows it."""
        if self.shown or isinstance(self.default, str):
            return self.shown or f"`{self.default}`"
        return "null" if self.default is None else str(self.default).lower()


def key(default: Any, check: Any, meaning: str, shown: str = "") -> Any:
    """Return the field of a settings' dataclass that is a setting."""
    return field(default=default, metadata={"key": Key(default, check, meaning, shown)})


def keys_of(settings: type) -> dict[str, Key]:
    """Return the settings that a dataclass has, by name."""
    found: dict[str, Key] = {}
    for one in fields(settings):
        given: Key = one.metadata["key"]
        kind = Any if given.default is None else _KINDS.get(str(one.type), Any)
        found[one.name] = Key(given.default, given.check, given.meaning, given.shown, kind)
    return found


def hydra_config(module: str, name: str, doc: str, keys: Mapping[str, Key], **own: Any) -> type:
    """Return the dataclass by which Hydra knows settings.

    Args:
        module: the module that holds the class, by which it travels to other processes: a dataclass that travels by
            value has no fields when it arrives.
        name: of the class, in that module.
        doc: its docstring.
        keys: the settings.
        own: Hydra's own keys, such as `_target_`.
    """
    made: list[Any] = [
        (key_name, type(value), field(default_factory=functools.partial(copy.copy, value)))
        for key_name, value in own.items()
    ]
    made += [(key_name, one.kind, field(default=one.default)) for key_name, one in keys.items()]
    config = make_dataclass(name, made, namespace={"__doc__": doc})
    config.__module__ = module  # Python 3.12 and later put this module there
    return config
