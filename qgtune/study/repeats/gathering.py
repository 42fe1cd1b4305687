"""What the end of one of several repeats means for its configuration."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from qgtune.study.outcome import Outcome, failed
from qgtune.study.repeats.measured import Measured

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.study.repeats.setting import Repeats
    from qgtune.study.repeats.tally import Configuration


def gathered(
    outcome: Outcome,
    name: str,
    repeats: Repeats,
    configuration: Configuration,
    best: Mapping[str, float],
    *,
    maximize: bool,
) -> Outcome:
    """Return what the study is to be told of a repeat that completed or was pruned.

    Args:
        outcome: how its function ended.
        name: of the repeat.
        repeats: the setting.
        configuration: as it stands before this repeat.
        best: the values of the best configuration's repeats, by name.
        maximize: whether higher values are better.
    """
    own = outcome.values[0] if outcome.end == "complete" else None
    if configuration.end:
        why = "" if own is not None else f"another repeat ended its configuration: {configuration.end}"
        return replace(outcome, end="measured", score=own, reason=why)
    values = configuration.values if own is None else {**configuration.values, name: own}
    values = {known: values[known] for known in repeats.names if known in values}
    value = repeats.reduced(list(values.values())) if values else math.nan
    measured = None if math.isnan(value) else Measured(values, value)
    if own is None:
        return replace(outcome, measured=measured)
    if len(values) == len(repeats.values):
        if measured is None:
            return failed(f"the {repeats.reduce} of its repeats is NaN")
        return replace(outcome, values=(value,), score=own, measured=measured)
    if repeats.gives_up(values, best, maximize=maximize):
        why = f"given up after {len(values)} of {len(repeats.values)} repeats, which are worse than the best one's"
        return replace(outcome, end="pruned", values=(), reason=why, score=own, measured=measured)
    return replace(outcome, end="measured", score=own)
