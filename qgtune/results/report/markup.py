"""Pieces of HTML. Whatever is put in is escaped here, and nowhere else."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Html(str):
    """A text that is HTML already."""

    __slots__ = ()


def shown(content: str) -> Html:
    """Return a text as HTML: escaped unless it is HTML already."""
    return content if isinstance(content, Html) else Html(html.escape(content))


def tag(name: str, *contents: str, **attributes: str) -> Html:
    """Return an element.

    Args:
        name: of the element.
        contents: texts, which are escaped, and HTML.
        attributes: their names with `_` for `-`, and without a trailing one (`class_`).
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for key, value in attributes.items() if value
    )
    return Html(f"<{name}{pairs}>{''.join(map(shown, contents))}</{name}>")


def joined(pieces: Iterable[str]) -> Html:
    """Return pieces one after the other."""
    return Html("\n".join(map(shown, pieces)))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, class_: str = "") -> Html:
    """Return a table in a box of its own that scrolls sideways."""
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    body = joined(tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    return tag("div", tag("table", tag("thead", head), tag("tbody", body), class_=class_), class_="scroll low")


def copyable(text: str, key: str) -> Html:
    """Return a block of literal text with a button that copies it.

    Args:
        text: what is shown and copied.
        key: its id in the page.
    """
    button = tag("button", "Copy", type="button", data_copies=key)
    return tag("div", button, tag("pre", tag("code", text, id=key)), class_="copyable")
