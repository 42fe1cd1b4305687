"""What a study says, as plain sentences: each by a rule of its own, which is silent when it is unsure.

`docs/report.md` has the table of the rules. The page and `qgtune show` open with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgtune.errors import printable
from qgtune.results.report.conclusions.convergence import convergence
from qgtune.results.report.conclusions.edges import edge
from qgtune.results.report.conclusions.failures import failures
from qgtune.results.report.conclusions.gain import gain
from qgtune.results.report.conclusions.known import Conclusion, Known
from qgtune.results.report.conclusions.mattering import mattering
from qgtune.results.report.conclusions.pruning import pruning
from qgtune.results.report.conclusions.utilisation import utilisation
from qgtune.results.report.facts import facts_of
from qgtune.results.report.study_state import read_state

if TYPE_CHECKING:
    from qgtune.results.source import Source

__all__ = ["Conclusion", "Known", "conclusions", "lines_of"]

MOST = 6
# What a reader should know first stands first: of more than six the last ones are left out.
RULES = (failures, gain, mattering, edge, convergence, pruning, utilisation)


def conclusions(known: Known) -> list[Conclusion]:
    """Return what can be said of a study, at most six sentences."""
    return [found for rule in RULES if (found := rule(known)) is not None][:MOST]


def lines_of(source: Source) -> list[str]:
    """Return what can be said of an open study as lines for a terminal: each sentence, and below it its command."""
    found = conclusions(Known(read_state(source.study), facts_of(source)))
    lines = [(f"- {printable(one.text)}", *([f"    {printable(one.command)}"] if one.command else [])) for one in found]
    return [line for pair in lines for line in pair]
