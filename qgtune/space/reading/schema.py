"""JSON schemas of search spaces and dependency mappings, made of what the parser goes by.

A schema knows no base settings: where these hold a list, `[1, 1]` is no choice, and where they hold a mapping with the
keys `type` and `value`, its type may be any. It lets the first pass, and refuses the second.
"""

from __future__ import annotations

from typing import Any

from qgtune.space.nodes import FORMS, KEYS, LIST, LIST_KEYS, LIST_TEXT, NUMBER, OPTIONAL, RANGE_SIZES, TYPES, UNSIGNED
from qgtune.space.paths import KEY, PATH_HERE

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_NODE = {"$ref": "#/$defs/node"}
_SCALAR = {"type": ["string", "number", "boolean", "null"]}
_MAPPING = {"$ref": "#/$defs/mapping"}
_KEY = {"pattern": f"^{KEY}$"}
# How an object with the keys `type` and `value`, and no others but a type's own, is told from structure.
_TYPED: Schema = {
    "type": "object",
    "required": list(KEYS),
    "properties": {"type": {"type": "string"}},
    "anyOf": [
        {"maxProperties": len(KEYS)},
        *(
            {"properties": {"type": {"const": name}}, "propertyNames": {"enum": [*KEYS, *more]}}
            for name, more in OPTIONAL.items()
        ),
    ],
}
_LIST: Schema = {
    "type": "object",
    "required": list(LIST_KEYS),
    "maxProperties": len(LIST_KEYS),
    "properties": {"type": {"const": LIST}},
}


def space_schema() -> Schema:
    """Return the schema of a search space."""
    return {
        "$schema": DIALECT,
        "title": "Search space of qgtune",
        "description": "Ranges in place of values, in the shape of the base settings.",
        "type": "object",
        "propertyNames": _KEY,
        "additionalProperties": _NODE,
        "$defs": {
            "node": _node(),
            "mapping": _mapping(),
            "form": _form(),
            "list": _list(),
            "plain": _plain(),
            "number": _number(),
        },
    }


def _node() -> Schema:
    structure = {
        "if": {"type": "array"},
        "then": {"items": _NODE},
        "else": {"if": {"type": "object"}, "then": {"$ref": "#/$defs/mapping"}},
    }
    return {
        "if": _LIST,
        "then": {"$ref": "#/$defs/list"},
        "else": {"if": _TYPED, "then": {"$ref": "#/$defs/form"}, "else": structure},
        # What yaml-language-server offers to write.
        "defaultSnippets": [
            {"label": "range", "description": FORMS["tuple"], "body": {"type": "tuple", "value": ["$1", "$2"]}},
            {"label": "choices", "description": FORMS["categorical"], "body": ["$1", "$2"]},
        ],
    }


def _form() -> Schema:
    """Return the schema of `{type: …, value: …}`."""
    branch = {"anyOf": [{"type": "null"}, {"type": "object", **_MAPPING}]}
    branches = {"type": "object", "minProperties": 1, "additionalProperties": branch}
    choices = {"if": {"type": "object"}, "then": branches, "else": {"type": "array", "minItems": 1}}
    values = {"tuple": _range(), "categorical": choices, "fixed": {}}
    kinds = [
        {
            "if": {"properties": {"type": {"const": name}}},
            "then": {"properties": {"value": {"description": FORMS[name], **values[name]}}},
        }
        for name in TYPES
    ]
    type_ = {"enum": list(TYPES), "description": " ".join(f"{name}: {text}" for name, text in FORMS.items())}
    replace = {"type": "boolean", "description": "Whether a mapping takes the base's place; else it is merged into it."}
    prior = {"description": "The value near which good ones are thought to lie: the first trials are drawn around it."}
    when = {
        "description": "What other paths must hold for it to be asked for: a path to a value, or to a list of values.",
        "type": ["object", "null"],
        "minProperties": 1,
        "propertyNames": {"pattern": rf"^\s*{PATH_HERE}\s*$"},
        "additionalProperties": {"if": {"type": "array"}, "then": {"minItems": 1}},
    }
    return {"properties": {"type": type_, "replace": replace, "prior": prior, "when": when}, "allOf": kinds}


def _list() -> Schema:
    """Return the schema of a list of tuned length."""
    given = {
        "if": {"type": "object"},
        "then": {
            "required": list(KEYS),
            "maxProperties": len(KEYS),
            "properties": {"type": {"enum": ["tuple", "categorical"]}, "value": {"type": "array", "minItems": 1}},
        },
        "else": {"type": "array", "minItems": RANGE_SIZES[0], "maxItems": RANGE_SIZES[1]},
    }
    return {"description": LIST_TEXT, "properties": {"length": given, "each": _NODE}}


def _range() -> Schema:
    """Return the schema of a tuple's value; that its low end is not above its high one, no schema can say."""
    step = {
        "anyOf": [{"type": "number", "exclusiveMinimum": 0}, _text(f"\\+?{UNSIGNED}"), {"type": ["boolean", "null"]}]
    }
    number = {"$ref": "#/$defs/number"}
    above_zero = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, _text(f"\\+?{UNSIGNED}")]}
    least, most = RANGE_SIZES
    return {
        "type": "array",
        "minItems": least,
        "maxItems": most,
        "prefixItems": [number, number, step],
        "if": {"minItems": most, "prefixItems": [True, True, {"const": True}]},
        "then": {"prefixItems": [above_zero]},
    }


def _number() -> Schema:
    return {"anyOf": [{"type": "number"}, _text(NUMBER)]}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": rf"^\s*{pattern}\s*$", "patternErrorMessage": "This text is no number."}


def _mapping() -> Schema:
    """Return the schema of a mapping of structure: where no path can name a key, nothing below may be a range."""
    return {
        "properties": {"type": {"anyOf": [{"enum": [*TYPES, LIST]}, {}]}},  # anything; editors offer these
        "if": {"propertyNames": _KEY},
        "then": {"additionalProperties": _NODE},
        "else": {"additionalProperties": {"$ref": "#/$defs/plain"}},
    }


def _plain() -> Schema:
    """Return the schema of what holds no range."""
    plain = {"$ref": "#/$defs/plain"}
    choices = {"type": "array", "minItems": 1, "items": _SCALAR}
    reason = "A key above this cannot be part of a path, so nothing here can be a range. Rename that key."
    never = {"type": "null", "errorMessage": reason}  # said of a list or an object; `false` would say no reason
    structure = {"items": plain, "additionalProperties": plain}
    no_range = {"if": {"properties": {"type": {"enum": ["tuple", "categorical"]}}}, "then": never}
    no_form = {"if": _LIST, "then": never, "else": {"if": _TYPED, "then": no_range, "else": structure}}
    return {"if": choices, "then": never, "else": no_form}


def dependencies_schema() -> Schema:
    """Return the schema of a dependency mapping."""
    neither = "Neither a path, such as model.layers[0].width, nor an expression in ${…}."
    leaf = {
        "description": "The path of another value, such as model.layers[0].width, or an expression in ${…}.",
        "pattern": rf"\$\{{|^\s*{PATH_HERE}\s*$",
        "patternErrorMessage": neither,
    }
    return {
        "$schema": DIALECT,
        "title": "Dependency mapping of qgtune",
        "description": "Values that follow other values, in the shape of the base settings.",
        "type": "object",
        "additionalProperties": _NODE,
        "$defs": {
            "node": {
                "type": ["object", "array", "string", "null"],
                "additionalProperties": _NODE,
                "items": _NODE,
                "if": {"type": "string"},
                "then": leaf,
            }
        },
    }
