"""The report's texts and tables: summary, best trials, failures, search space."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState

from qgtune.results.best import params_of
from qgtune.results.configurations import number_of
from qgtune.results.report.figures.plot import KINDS
from qgtune.results.report.markup import Html, copyable, joined, scrolling, table, tag
from qgtune.results.report.study_state import StudyState, reason_of, sorted_by_value
from qgtune.results.report.trials import href
from qgtune.results.table import duration
from qgtune.space.reading.yaml_files import dump_yaml
from qgtune.space.wording import cut, kind_and_values
from qgtune.study.attempts.attempt import Attempt
from qgtune.study.attempts.ledger import is_feasible
from qgtune.study.repeats.measured import Measured, columns

if TYPE_CHECKING:
    from pathlib import Path

    from optuna.trial import FrozenTrial

    from qgtune.results.report.conclusions import Known
    from qgtune.results.report.facts import Facts

MOST_BEST = 10
MOST_FRONT = 50
MOST_FAILURES = 200
MOST_REASONS = 10
MOST_COLUMNS = 30
LONGEST_CELL = 60
TIME = "%Y-%m-%d %H:%M:%S"


def summary(known: Known) -> Html:
    """Return the page's head: what was found, how many trials, how long, with what."""
    study_state, facts = known.state, known.facts
    cards = [*_best_cards(study_state), _card("Trials", f"{study_state.counts.total():,}", _counts(study_state))]
    if (span := study_state.span()) is not None:
        worked = f"{duration(study_state.worked().total_seconds())} of trials"
        cards.append(_card("Duration", duration((span[1] - span[0]).total_seconds()), worked))
    facts_shown = [("Direction", ", ".join(map(_direction, study_state.objectives, study_state.directions)))]
    if span is not None:
        facts_shown.append(("Started", span[0].strftime(TIME)))
    if (most := study_state.most_memory()) is not None:
        facts_shown.append(("Most memory", f"{most[1]:,} MiB in trial {most[0]}"))
    facts_shown += [("Storage", facts.storage)] if facts.storage else []
    facts_shown += [("Folder", str(facts.folder))] if facts.folder is not None else []
    pairs = joined(tag("div", tag("dt", name), tag("dd", value)) for name, value in [*facts_shown, *facts.setup])
    return joined([tag("div", *cards, class_="cards"), tag("dl", pairs), *_remarks(study_state)])


def _direction(name: str, direction: str) -> str:
    return direction if name == "value" else f"{direction} {name}"


def _remarks(study_state: StudyState) -> list[Html]:
    n_running = study_state.counts[TrialState.RUNNING]
    texts = [
        f"{_many(n_running, 'trial')} running: this is the study as of {study_state.taken:{TIME}}."
        if n_running
        else "",
        _infeasible(study_state),
        "" if study_state.trials else "The study has no trials yet.",
        "Every trial so far has failed; the reasons are below." if _all_failed(study_state) else "",
    ]
    return [tag("p", text, class_="remark") for text in texts if text]


def _infeasible(study_state: StudyState) -> str:
    n = sum(not is_feasible(trial) for trial in study_state.completed)
    return f"{n:,} completed trials violate a constraint; plots show them in grey." if n else ""


def _all_failed(study_state: StudyState) -> bool:
    return bool(study_state.trials) and study_state.counts[TrialState.FAIL] == len(study_state.trials)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what} is" if n == 1 else f"{n:,} {what}s are"


def _best_cards(study_state: StudyState) -> list[Html]:
    if not study_state.best:
        return [_card("Best value", "—", "no trial has completed")]
    if study_state.is_multi_objective:
        return [_card("Pareto front", f"{len(study_state.best):,}", "trials that no other one beats")]
    best = study_state.best[0]
    name, measured = study_state.objectives[0], Measured.of(best)
    below = f"trial {number_of(best)}" + ("" if measured is None else f": {measured}")
    return [_card("Best value" if name == "value" else f"Best {name}", f"{best.values[0]:.6g}", below)]


def _card(title: str, figure: str, below: str | Html) -> Html:
    parts = [tag("div", title, class_="title"), tag("div", figure, class_="figure"), tag("div", below, class_="below")]
    return tag("div", *parts, class_="card")


def _counts(study_state: StudyState) -> Html:
    counts = study_state.counts
    shown = [(kind, counts[state]) for state, (kind, _) in KINDS.items() if counts[state]]
    texts = [tag("span", f"{n:,} {kind}", class_=f"state {kind}") for kind, n in shown]
    n_again = sum(Attempt.of(trial).turn > 0 for trial in study_state.trials)
    return joined(
        [*texts, tag("span", f"({n_again:,} {'retry' if n_again == 1 else 'retries'})")] if n_again else texts
    )


def best(known: Known) -> Html:
    """Return the best config, or the best values if there is no config, and a table of the best trials."""
    study_state, facts = known.state, known.facts
    if not study_state.best:
        return tag("p", "No trial has completed yet.")
    first = study_state.best[0]
    which = f"Of trial {number_of(first)}" + (", one of the Pareto front." if study_state.is_multi_objective else ".")
    text = facts.best_config or dump_yaml(params_of(first))
    what = "The whole config." if facts.best_config else "Its hyperparameters; no config was written for it."
    return joined([tag("p", f"{which} {what}"), copyable(text, "best-config"), *_best_table(known)])


def _best_table(known: Known) -> list[Html]:
    study_state = known.state
    most = MOST_FRONT if study_state.is_multi_objective else MOST_BEST
    candidates = list(study_state.best) if study_state.is_multi_objective else study_state.completed
    trials = sorted_by_value(study_state, candidates)[:most]
    names = list(known.space)[:MOST_COLUMNS]
    found = [Measured.of(trial) for trial in trials]
    headings = columns(found)
    rows = [
        [
            _linked(trial, "" if is_feasible(trial) else " (violates a constraint)"),
            *(f"{value:.6g}" for value in trial.values),
            *("" if measured is None else measured.cell(heading) for heading in headings),
            *(_cell(trial.params.get(name, "")) for name in names),
        ]
        for trial, measured in zip(trials, found, strict=True)
    ]
    title = "The Pareto front" if study_state.is_multi_objective else f"The best {len(trials)} trials"
    heads = ["trial", *study_state.objectives, *headings, *(known.names[name] for name in names)]
    return [tag("h3", title), table(heads, rows, class_="best", label=title)] if len(trials) > 1 else []


def _linked(trial: FrozenTrial, more: str = "") -> Html:
    """Return a trial's number as a link to its own view."""
    return Html(f"{tag('a', str(number_of(trial)), href=f'#trial-{trial.number}')}{more}")


def all_trials(study_state: StudyState, note: str) -> Html:
    """Return the frame of the table that the page's script fills, and of a trial's own view."""
    if not study_state.trials:
        return tag("p", "The study has no trials yet.")
    states = [kind for state, (kind, _) in KINDS.items() if study_state.counts[state]]
    options = [tag("option", "all", value="all"), *(tag("option", kind, value=kind) for kind in states)]
    controls = [
        tag("label", "Filter ", tag("input", type="search", id="filter", placeholder="adam, lr>0.01, pruned")),
        tag("label", "State ", tag("select", *options, id="state")),
        tag("span", "", id="n-rows", role="status"),
    ]
    hint = "A click on a heading sorts, one on a trial, here or in a plot, opens its own view."
    return joined(
        [
            tag("p", f"{hint} {note}".strip(), class_="note"),
            tag("div", *controls, class_="controls"),
            scrolling(tag("table", class_="trials"), "All trials"),
            tag("button", "Show more", type="button", id="more", hidden="hidden"),
            tag("dialog", id="trial", aria_labelledby="trial-title"),
        ]
    )


def _cell(value: Any) -> str:
    return cut(f"{value:.6g}" if isinstance(value, float) else str(value), LONGEST_CELL)


def failures(study_state: StudyState, facts: Facts, page: Path) -> Html:
    """Return the failed trials with their reasons and logs, to which links lead from the page's path."""
    failed = study_state.failures
    if not failed:
        return tag("p", "No trial has failed.")
    retries = study_state.retries
    rows = [
        _failure(trial, retries.get(Attempt.of(trial).place(trial.number), []), facts, page)
        for trial in failed[:MOST_FAILURES]
    ]
    parts = [table(["trial", "ended", "reason", "log"], rows, class_="failures", label="Failed trials")]
    if len(failed) > MOST_FAILURES:
        parts.insert(
            0, tag("p", f"Showing the latest {MOST_FAILURES:,} of {len(failed):,} failed trials.", class_="note")
        )
    return joined([*_reasons(failed), *parts])


def _reasons(failed: list[FrozenTrial]) -> list[Html]:
    """Return how often each reason stands there, if one does more than once."""
    counted = Counter(reason_of(trial) for trial in failed).most_common(MOST_REASONS)
    if counted[0][1] == 1 or len(failed) <= MOST_REASONS:
        return []
    return [table(["times", "reason"], [[f"{n:,}", reason] for reason, n in counted], class_="reasons")]


def _failure(trial: FrozenTrial, retries: list[int], facts: Facts, page: Path) -> list[str]:
    attempt, again = Attempt.of(trial), [number for number in retries if number > trial.number]
    place = attempt.place(trial.number)
    notes = [f"retry of {place}"] if attempt.turn else [f"repeat {place}"] if attempt.replicate else []
    notes += [f"run again as {again[0]}"] if again else []
    number = _linked(trial, tag("div", ", ".join(notes), class_="below") if notes else "")
    log = facts.log_of(trial.number)
    ended = trial.datetime_complete.strftime(TIME) if trial.datetime_complete else ""
    link = "—" if log is None else tag("a", tag("code", str(log)), href=href(log, page.parent))
    return [number, ended, reason_of(trial), link]


def search_space(known: Known) -> Html:
    """Return the hyperparameters with their ranges, and the best trial's values."""
    if not known.space:
        return tag("p", "No trial has drawn a hyperparameter yet.")
    values = known.state.best[0].params if known.state.best else {}
    rows = [
        [tag("code", name), *kind_and_values(distribution, _cell), _cell(values.get(name, "—"))]
        for name, distribution in known.space.items()
    ]
    return table(["hyperparameter", "kind", "range", "best"], rows, class_="space", label="Search space")


def commands(facts: Facts) -> Html:
    """Return how to go on from here."""
    where = [tag("p", "In ", tag("code", facts.cwd), ":", class_="note")] if facts.cwd else []
    blocks = [
        joined([tag("h3", purpose), copyable(line, f"command-{place}")])
        for place, (purpose, line) in enumerate(facts.commands)
    ]
    return joined([*where, *blocks])
