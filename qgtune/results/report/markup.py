"""Pieces of HTML. Whatever is put in is escaped here, and nowhere else."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_NARROW = 12
"""How many columns fit on paper; a row of more becomes a paragraph there."""


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


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], *, class_: str = "", label: str = "") -> Html:
    """Return a table in a box of its own that scrolls sideways; each cell knows its heading, for narrow screens.

    Args:
        heads: of the columns.
        rows: of as many cells.
        class_: the table's class.
        label: what it shows, for those who cannot see it.
    """
    head = tag("tr", *(tag("th", text, scope="col") for text in heads))
    body = joined(
        tag("tr", *(tag("td", cell, data_head=name) for name, cell in zip(heads, row, strict=True))) for row in rows
    )
    wide = "wide" if len(heads) > MOST_NARROW else ""
    inner = tag("table", tag("thead", head), tag("tbody", body), class_=f"{class_} {wide}".strip())
    return scrolling(inner, label)


def scrolling(inner: Html, label: str) -> Html:
    """Return a box in which a table scrolls; `label` is what it shows, for those who cannot see it."""
    return tag("div", inner, class_="scroll low", tabindex="0", role="group", aria_label=label)


def copyable(text: str, key: str) -> Html:
    """Return a block of literal text with a button that copies it.

    Args:
        text: what is shown and copied.
        key: its id in the page.
    """
    button = tag("button", "Copy", type="button", data_copies=key)
    return tag("div", button, tag("pre", tag("code", text, id=key)), class_="copyable")
