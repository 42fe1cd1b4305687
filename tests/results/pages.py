"""What a page of a report shows, asked as a reader would look for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.browser import Page


def text(page: Page, selector: str) -> str:
    """Return the text that a part of the page shows."""
    return str(page.evaluate(f"document.querySelector({selector!r}).innerText"))


def cells(page: Page, selector: str) -> list[list[str]]:
    """Return the rows of a table, its head left out."""
    rows = f"[...document.querySelectorAll('{selector} tbody tr')]"
    return list(page.evaluate(f"{rows}.map(row => [...row.cells].map(cell => cell.innerText))"))


def drawn(page: Page, key: str) -> list[dict[str, Any]]:
    """Return the traces that plotly drew in one plot."""
    wanted = "['name', 'x', 'y', 'base', 'marker', 'text']"
    return list(
        page.evaluate(
            f"document.getElementById('plot-{key}').data.map(trace => "
            f"Object.fromEntries({wanted}.map(name => [name, trace[name]])))"
        )
    )


def plot_text(page: Page, key: str) -> str:
    """Return all the letters that one plot shows."""
    return str(page.evaluate(f"document.getElementById('plot-{key}').textContent"))
