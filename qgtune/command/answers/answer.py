"""What a verb that has done its work says: a text, or one JSON document."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import click

from qgtune.command.answers.json_schema import name_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from qgtune.command.common import Decorator

_KEY = "qgtune.json"


def _remember(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001, ARG001 - click's
    context.meta[_KEY] = value


JSON: Decorator = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    callback=_remember,
    help="Answer with one JSON document; `qgtune schema` prints its schema.",
)


def wants_json() -> bool:
    """Say whether the verb that runs was given `--json`."""
    return bool(click.get_current_context().meta.get(_KEY))


def answer(content: Any, text: str | Callable[[], None]) -> None:
    """Print what a verb answers.

    Args:
        content: of the shape that `ANSWERS` has for the verb; it is printed with `--json`.
        text: what is printed without, or what prints it.
    """
    if wants_json():
        context = click.get_current_context()
        click.echo(dumped({"schema": name_of(str(context.command.name)), **_content(content)}))
    elif isinstance(text, str):
        click.echo(text)
    else:
        text()


def dumped(data: dict[str, Any]) -> str:
    """Return JSON with a line for each key, and one for each item of a list under it: a study has thousands."""
    lines = [f"{json.dumps(key)}: {_lines(value)}" for key, value in data.items()]
    return "{\n  " + ",\n  ".join(lines) + "\n}"


def _lines(value: Any) -> str:
    if isinstance(value, tuple) and value:
        return "[\n    " + ",\n    ".join(map(_line, value)) + "\n  ]"
    return _line(value)


def _line(value: Any) -> str:
    try:
        return json.dumps(value, default=_content, allow_nan=False, ensure_ascii=False)
    except ValueError:  # a number that is not finite
        return json.dumps(_finite(value), default=_content, allow_nan=False, ensure_ascii=False)


def _content(shape: Any) -> dict[str, Any]:
    if not is_dataclass(shape):
        raise TypeError(f"{shape!r} is of no shape")
    return {field.name: getattr(shape, field.name) for field in fields(shape)}


def _finite(data: Any) -> Any:
    if is_dataclass(data):
        return _finite(_content(data))
    if isinstance(data, dict):
        return {key: _finite(item) for key, item in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(item) for item in data]
    return str(data) if isinstance(data, float) and not math.isfinite(data) else data
