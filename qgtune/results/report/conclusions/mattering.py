"""Which hyperparameters matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qgtune.results.report.conclusions.known import Conclusion, Known

if TYPE_CHECKING:
    from qgtune.results.report.conclusions.importance import Importances

MOST_NAMED = 4


def mattering(known: Known) -> Conclusion | None:
    """Name what is established to matter; silent for several objectives, and where trials are too few to say."""
    found = None if known.state.is_multi_objective else known.importances[0]
    if found is None:
        return None
    matter = found.established
    named = [f"{known.names[name]} ({found.of[name].share:.0%} of the differences)" for name in matter[:1]]
    named += [f"{known.names[name]} ({found.of[name].share:.0%})" for name in matter[1:MOST_NAMED]]
    if len(matter) > MOST_NAMED:
        named.append(f"{len(matter) - MOST_NAMED} more")
    n_open = len(found.of) - len(matter)
    of_others = f"; of {n_open} other{'s' * (n_open > 1)} it is not established" if n_open else ""
    verb = "matters" if len(matter) == 1 else "matter"
    what = f"{_listed(named)} {verb}{of_others}" if matter else "Of no hyperparameter it is established that it matters"
    command = known.resume(known.more_trials(1.0)) if n_open else known.facts.command("show", "--sort", "value")
    return Conclusion(f"{what}. That rests on {basis(found)}.", command)


def basis(found: Importances) -> str:
    """Say what importances rest on, and what may bend them."""
    if found.step is not None:
        why = "the values of those that the pruner let complete would mislead"
        return f"{found.n_trials:,} trials, pruned ones too, compared by their reports at step {found.step}: {why}"
    if found.is_biased:
        return f"{found.n_trials:,} complete trials, which the pruner chose: effects look too small, or are not seen"
    return f"{found.n_trials:,} complete trials"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
