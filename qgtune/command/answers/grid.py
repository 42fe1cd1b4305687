"""A text table: plain lines, since thousands of rows cost `rich` seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

from qgtune.errors import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid.

    Attributes:
        heading: may have several lines.
        cells: one a row, each of one line.
        left: whether they stand at the left.
    """

    heading: str
    cells: Sequence[str]
    left: bool = False

    @property
    def width(self) -> int:
        """How wide the widest cell is on a terminal."""
        return max(map(cell_len, (*self.heading.split("\n"), *self.cells)), default=0)

    def laid(self, cells: Sequence[str], width: int) -> list[str]:
        """Return cells as wide as the column."""
        if self.left:
            return [cell + " " * (width - cell_len(cell)) for cell in cells]
        return [" " * (width - cell_len(cell)) + cell for cell in cells]


def width_of(columns: Sequence[Column]) -> int:
    """Return how wide a grid of these columns is."""
    return sum(column.width for column in columns) + len(GAP) * (len(columns) - 1)


def grid(columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """Lay columns out side by side.

    Returns:
        The lines of the heading, and a line a row.
    """
    widths = [column.width for column in columns]
    n_lines = max(column.heading.count("\n") for column in columns) + 1
    tall = [column.heading.split("\n") for column in columns]
    heads = [
        column.laid([*[""] * (n_lines - len(lines)), *lines], width)
        for column, lines, width in zip(columns, tall, widths, strict=True)
    ]
    heading = [GAP.join(cells).rstrip() for cells in zip(*heads, strict=True)]
    laid = [column.laid(column.cells, width) for column, width in zip(columns, widths, strict=True)]
    rows = [GAP.join(cells).rstrip() for cells in zip(*laid, strict=True)]
    return [*heading, "─" * (sum(widths) + len(GAP) * (len(columns) - 1))], rows


def plain_table(heads: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[str]) -> list[str]:
    """Return the lines of a table of texts: the heading, and one a row.

    Args:
        heads: of the columns.
        rows: a text a column.
        left: the heads of the columns that stand at the left.
    """
    cells = zip(heads, *rows, strict=True)
    heading, lines = grid([Column(head, list(map(printable, own)), left=head in left) for head, *own in cells])
    return [*heading, *lines]


def wrapped(pieces: Sequence[str], width: int) -> list[str]:
    """Break a line between its pieces, and inside of one only where it is longer than a line."""
    lines: list[str] = []
    for piece in pieces:
        longer = f"{lines[-1]}{GAP}{piece}" if lines else piece
        if lines and cell_len(longer.rstrip()) <= width:
            lines[-1] = longer
        else:
            lines += [piece] if cell_len(piece.rstrip()) <= width else chop_cells(piece.rstrip(), width)
    return [line.rstrip() for line in lines] or [""]
