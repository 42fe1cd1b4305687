"""The JSON schema of a shape, made of its types and its docstring."""

from __future__ import annotations

import re
import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Schema = dict[str, Any]

NUMBER: Schema = {"type": ["number", "string"], "pattern": "^(-?inf|nan)$"}
"""A number; one that is not finite, which JSON does not have, is a text."""
_PLAIN: dict[Any, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: NUMBER,
    type(None): {"type": "null"},
    Any: {},
}
_ATTRIBUTE = re.compile(r"^ {4,8}(\w+): (.+?)(?=^ {4,8}\w+: |\Z)", re.MULTILINE | re.DOTALL)


def answer_schema(verb: str, shape: type) -> Schema:
    """Return the schema of a verb's answer."""
    found = _object(shape)
    first = {"schema": {"const": name_of(verb), "description": "Which schema this follows."}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"qgtune {verb} --json",
        **found,
        "properties": first | found["properties"],
        "required": [*first, *found["required"]],
    }


def name_of(verb: str) -> str:
    """Return the name of an answer's schema; its version changes where a field goes or means something else."""
    return f"qgtune.{verb}/1"


def _object(shape: type) -> Schema:
    said, _, attributes = (shape.__doc__ or "").partition("Attributes:\n")
    texts = {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)}
    kinds = get_type_hints(shape)
    names = [field.name for field in fields(shape)]
    properties = {name: {**_schema(kinds[name]), "description": texts[name]} for name in names}
    return {"type": "object", "description": " ".join(said.split()), "properties": properties, "required": names}


def _schema(kind: Any) -> Schema:
    if kind in _PLAIN:
        return _PLAIN[kind]
    if is_dataclass(kind) and isinstance(kind, type):
        return _object(kind)
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(one) for one in arguments]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(arguments[1])}
    return {"type": "array", "items": _schema(arguments[0])}
