"""Reports, opened in a browser as a reader does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState

from qgtune.results.report import Facts, write_report
from tests.results.pages import cells, drawn, plot_text, text
from tests.results.studies import study, trial, usual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import optuna


pytestmark = pytest.mark.slow  # each opens a page of several megabytes
EVIL = "<script>document.title = 'owned'</script>"
MARKUP = "<b>bold</b> & <img src=x onerror=\"document.title='owned'\">"


def test_summary_tells_counts_and_the_best(show: Callable[..., Any]) -> None:
    """The head says what was found, by which trial, and how many trials ended how."""
    with show(usual()) as page:
        summary = text(page, "#summary")
        assert page.evaluate("document.title") == "usual · qgtune"
        assert "0.25" in summary
        assert "trial 2" in summary
        for count in ("7 complete", "2 pruned", "2 failed", "1 running", "(1 retry)"):
            assert count in summary
        assert "minimize" in summary
        assert "1 trial is running" in summary


def test_history_shows_every_value_and_the_best_so_far(show: Callable[..., Any]) -> None:
    """The points are the trials' values, pruned ones where they stopped, failed ones along the edge."""
    with show(usual()) as page:
        traces = {trace["name"]: trace for trace in drawn(page, "history-0")}
        assert traces["complete"]["x"] == [0, 1, 2, 3, 4, 5, 10]
        assert traces["complete"]["y"] == [3.0, 2.0, 0.25, 1.0, 1.5, 4.0, 2.5]
        assert (traces["pruned"]["x"], traces["pruned"]["y"]) == ([6, 7], [8.5, 7.0])
        assert traces["failed"]["x"] == [8, 9]
        assert (traces["best so far"]["x"], traces["best so far"]["y"]) == ([0, 1, 2, 11], [3.0, 2.0, 0.25, 0.25])


def test_values_far_off_are_marked_at_the_edge(show: Callable[..., Any]) -> None:
    """A trial that diverged does not squeeze the others into a line: it is a triangle at the upper end."""
    made = study([trial(n, values=[1e9 if n == 5 else n / 10]) for n in range(10)])
    with show(made) as page:
        points = drawn(page, "history-0")[0]
        assert max(points["y"]) == 0.9
        assert points["marker"]["symbol"][5] == "triangle-up"
        assert points["text"][5].endswith("1e+09")


def test_slices_show_complete_and_pruned_trials(show: Callable[..., Any]) -> None:
    """Each hyperparameter has a slice with the values of complete trials, and of pruned ones as crosses."""
    with show(usual()) as page:
        captions = page.evaluate("[...document.querySelectorAll('#slices figcaption')].map(e => e.innerText)")
        assert sorted(captions) == ["act", "lr"]
        pruned, complete = drawn(page, f"slice-{captions.index('lr')}-0")
        assert sorted(complete["x"]) == pytest.approx([0.001, 0.002, 0.003, 0.004, 0.005, 0.006, 0.4])
        assert (pruned["x"], pruned["y"]) == ([0.9, 0.8], [8.5, 7.0])
        assert set(pruned["marker"]["symbol"]) == {"x-thin-open"}


def test_importances_are_bars_only_where_they_are_established(show: Callable[..., Any]) -> None:
    """What has no effect is there by name, and says that nothing is known; the text says what it rests on."""
    with show(one_matters()) as page:
        (bars,) = drawn(page, "importances-0")
        assert bars["y"] == ["lr"]
        assert "act" in plot_text(page, "importances-0")
        assert "not established" in plot_text(page, "importances-0")
        assert "60 complete trials" in text(page, "#importances")
        assert "lr (" in text(page, "#conclusions")


def one_matters() -> optuna.Study:
    """Return a study whose value follows one of two hyperparameters."""
    rates = [10 ** (-4 + 4 * (n * 37 % 60) / 60) for n in range(60)]
    return study(
        [
            trial(n, values=[rate + (n * 7 % 5) / 100], params={"lr": rate, "act": ("relu", "gelu")[n * 13 % 7 % 2]})
            for n, rate in enumerate(rates)
        ]
    )


def test_parallel_coordinates_have_a_line_a_trial(show: Callable[..., Any]) -> None:
    """Seven trials completed and two were pruned, dotted; the axes are the value and both hyperparameters."""
    with show(usual()) as page:
        traces = {trace["name"]: trace for trace in drawn(page, "parallel")}
        n_lines = sum(trace["x"].count(0) for trace in drawn(page, "parallel"))
        assert n_lines == 9
        assert traces["pruned"]["x"].count(0) == 2
        ticks = page.evaluate("document.getElementById('plot-parallel').layout.xaxis.ticktext")
        assert ticks == ["value", "lr", "act"]


def test_curves_end_in_a_cross_where_a_trial_was_pruned(show: Callable[..., Any]) -> None:
    """Intermediate values are coloured by the trial's end; only pruned ones have a cross, at their last step."""
    with show(usual()) as page:
        curves = drawn(page, "intermediate")
        pruned = [curve for curve in curves if curve["name"] == "pruned"]
        assert [curve["y"] for curve in pruned] == [[9.0, 8.5], [7.0]]
        assert pruned[0]["marker"]["size"] == [0, 8]
        assert {curve["marker"]["symbol"] for curve in pruned} == {"x"}
        assert [curve["y"] for curve in curves if curve["name"] == "best"] == [[1.25, 0.75, 0.25]]


def test_timeline_has_a_row_a_worker(show: Callable[..., Any]) -> None:
    """Each trial is a bar on its worker's row, a retry is hatched and says of which trial."""
    with show(usual()) as page:
        traces = {trace["name"]: trace for trace in drawn(page, "timeline")}
        assert set(traces) == {"complete", "pruned", "failed", "running"}
        complete = traces["complete"]
        assert complete["y"] == ["1 · pid 101", "2 · pid 102"] * 3 + ["3 · pid 103"]
        assert complete["x"][0] == pytest.approx(500)
        assert complete["base"][1] == "2026-11-24T12:00:01"
        assert complete["marker"]["pattern"]["shape"] == [""] * 6 + ["/"]
        assert "runs trial 9 again" in complete["text"][-1]


def test_failures_stand_with_reason_retry_and_log(show: Callable[..., Any], tmp_path: Path) -> None:
    """Why a trial failed, where its log is, and which trial ran it again, the latest first; passwords are left out."""
    made = usual()
    made.add_trial(trial(12, TrialState.FAIL, reason="OSError: postgresql://me:hunter2@db/x is gone"))
    with show(made, Facts(log_of=lambda number: tmp_path / f"{number}.log" if number != 8 else None)) as page:
        last, lost, raised = cells(page, "table.failures")
        assert last[2] == "OSError: postgresql://me:***@db/x is gone"
        assert lost[0].split("\n") == ["9", "run again as 10"]
        assert lost[2:] == ["its worker was killed by SIGKILL", str(tmp_path / "9.log")]
        assert raised[2:] == ["ValueError: loss is <nan>", "—"]
        assert "hunter2" not in page.evaluate("document.documentElement.outerHTML")


def test_search_space_shows_ranges_and_best_values(show: Callable[..., Any]) -> None:
    """A hyperparameter stands with its kind, its range and what the best trial has."""
    with show(usual()) as page:
        assert cells(page, "table.space") == [
            ["lr", "float", "0.0001 to 1, log", "0.003"],
            ["act", "choice", "relu, gelu", "relu"],
        ]


@pytest.mark.parametrize("clipboard", [True, False], ids=["clipboard", "without a clipboard"])
def test_button_copies_the_best_config(show: Callable[..., Any], *, clipboard: bool) -> None:
    """A click copies the whole text, also in browsers that give a file no clipboard."""
    config = "model:\n  name: '<b>'\nlr: 0.003\n"
    with show(usual(), Facts(best_config=config)) as page:
        assert text(page, "#best-config") == config
        if clipboard:
            page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        else:
            page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
            page.evaluate("document.addEventListener('copy', () => { window.copied = String(getSelection()); })")
        page.click("#best button")
        page.wait_for("document.querySelector('#best button').innerText === 'Copied'")
        assert page.evaluate("window.copied").rstrip("\n") == config.rstrip("\n")


def test_without_a_config_the_best_values_are_copied(show: Callable[..., Any]) -> None:
    """A study of which no config is known offers its best trial's hyperparameters, lists and mappings as such."""
    space = {"sizes": CategoricalDistribution(["[1,2]", "[3]"])}
    with show(study([trial(0, params={"sizes": "[1,2]"}, space=space)])) as page:
        assert text(page, "#best-config") == "sizes:\n- 1\n- 2\n"


def test_commands_are_shown_as_given(show: Callable[..., Any]) -> None:
    """How to go on stands there to be copied."""
    facts = Facts(cwd="/work", commands=(("Run it", "python train.py 'a=<b>'"),))
    with show(usual(), facts) as page:
        assert text(page, "#command-0") == "python train.py 'a=<b>'"
        assert "In /work" in text(page, "#commands")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_plots_follow_the_colour_scheme(show: Callable[..., Any], *, dark: bool) -> None:
    """Letters in plots are as light or dark as the page's, and change with it while it is open."""
    ink = "document.getElementById('plot-history-0')._fullLayout.font.color"
    with show(usual(), dark=dark) as page:
        light_ink, dark_ink = "#1c2430", "#e4e9f0"
        assert page.evaluate(ink) == (dark_ink if dark else light_ink)
        scheme = {"name": "prefers-color-scheme", "value": "light" if dark else "dark"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.wait_for(f"{ink} === {(light_ink if dark else dark_ink)!r}")


@pytest.mark.parametrize("width", [320, 390, 1280], ids=["small phone", "phone", "desk"])
def test_page_never_scrolls_sideways(show: Callable[..., Any], width: int) -> None:
    """Plots and texts fit the window; what is wider (tables, parallel coordinates) scrolls in its own box."""
    made = usual()
    made.add_trial(trial(12, TrialState.FAIL, reason="x" * 300))
    with show(made, Facts(commands=(("Run", "y" * 300),), storage="z" * 200), width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        widths = page.evaluate("[...document.querySelectorAll('#history .main-svg')].map(e => e.clientWidth)")
        assert 0 < max(widths) < width


def test_nothing_is_fetched_and_nothing_could_be(show: Callable[..., Any]) -> None:
    """The page asks for itself only, and its policy refuses addresses and foreign scripts."""
    with show(usual()) as page:
        assert [address.split("/")[-1] for address in page.requests] == ["report.html"]
        assert (
            page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', error => error.message)")
            == "Failed to fetch"
        )
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'window.ran = 1'}))")
        assert page.evaluate("window.ran === undefined")
        refusals, page.problems[:] = list(page.problems), []
        assert any("Content Security Policy" in refusal for refusal in refusals)
        assert page.evaluate("[...document.querySelectorAll('[src], link')].length") == 0


def test_names_and_values_show_as_text(show: Callable[..., Any]) -> None:
    """Markup in a study's, hyperparameter's or choice's name, in reasons and in attributes is shown, never run."""
    space = {
        EVIL: FloatDistribution(0, 1),
        MARKUP: CategoricalDistribution([EVIL, "</script>", "&amp;"]),
        "$n$ %{y}": IntDistribution(1, 3),
    }
    choices = [EVIL, "</script>", "&amp;"]
    trials = [
        trial(
            n, values=[float(n % 4)], params={EVIL: n / 9, MARKUP: choices[n % 3], "$n$ %{y}": n % 3 + 1}, space=space
        )
        for n in range(9)
    ]
    trials[1].user_attrs[EVIL] = MARKUP
    trials.append(trial(9, TrialState.FAIL, reason=MARKUP))
    made = study(trials, name=EVIL)
    with pytest.warns(ExperimentalWarning):
        made.set_metric_names([MARKUP])
    with show(made, Facts(storage=EVIL, best_config=EVIL)) as page:
        assert page.evaluate("document.title") == f"{EVIL} · qgtune"
        assert text(page, "h1") == EVIL
        assert text(page, "#best-config") == EVIL
        assert [row[0] for row in cells(page, "table.space")] == [EVIL, MARKUP, "$n$ %{y}"]
        assert cells(page, "table.failures")[0][2] == MARKUP
        captions = page.evaluate("[...document.querySelectorAll('#slices figcaption')].map(e => e.innerText)")
        assert sorted(captions) == sorted([EVIL, MARKUP, "$n$ %{y}"])
        assert MARKUP in plot_text(page, "history-0")
        slices = plot_text(page, f"slice-{captions.index(MARKUP)}-0")
        assert f"{EVIL[:27]}… #0" in slices
        assert "</script>" in slices
        assert "&amp;" in slices
        assert page.evaluate("document.querySelectorAll('main img, main b').length") == 0


def nothing_yet() -> optuna.Study:
    """Return a study without trials."""
    return study()


def one_trial() -> optuna.Study:
    """Return a study of one trial."""
    return study([trial(0, params={"lr": 0.1})])


def all_failed() -> optuna.Study:
    """Return a study in which nothing went well."""
    return study([trial(n, TrialState.FAIL, reason="ValueError: no") for n in range(30)])


def only_waiting() -> optuna.Study:
    """Return a study whose trials have not started."""
    return study([trial(n, TrialState.WAITING, worker=None) for n in range(3)])


def without_hyperparameters() -> optuna.Study:
    """Return a study that tunes nothing."""
    return study([trial(n) for n in range(4)])


def not_finite() -> optuna.Study:
    """Return a study with infinite values."""
    values = [float("inf"), float("-inf"), 1.0, 2.0]
    return study([trial(n, values=[value], params={"lr": 0.1 * (n + 1)}) for n, value in enumerate(values)])


def conditional() -> optuna.Study:
    """Return a study whose trials do not share their hyperparameters."""
    return study([trial(n, params={"lr": 0.1} if n % 2 else {"act": "relu"}) for n in range(8)])


def two_objectives() -> optuna.Study:
    """Return a study with a Pareto front of trials 1 and 3."""
    values = [(2.0, 2.0), (1.0, 3.0), (3.0, 1.0), (2.0, 5.0)]
    trials = [trial(n, values=pair, params={"lr": 0.1 * (n + 1)}) for n, pair in enumerate(values)]
    return study(trials, directions=("minimize", "maximize"))


def three_objectives() -> optuna.Study:
    """Return a study whose front is a surface."""
    return study(
        [trial(n, values=[n, 3 - n, n % 2], params={"lr": 0.1 * (n + 1)}) for n in range(4)],
        directions=["minimize"] * 3,
    )


def five_objectives() -> optuna.Study:
    """Return a study whose front cannot be drawn."""
    return study([trial(n, values=[1.0 * n] * 5, params={"lr": 0.1}) for n in range(3)], directions=["minimize"] * 5)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nothing_yet, ["The study has no trials yet.", "No trial has completed yet.", "No trial has started yet."]),
        (one_trial, ["trial 0", "Importances need more trials of different values"]),
        (all_failed, ["Every trial so far has failed", "ValueError: no"]),
        (only_waiting, ["3 waiting", "No trial has started yet."]),
        (without_hyperparameters, ["No trial with hyperparameters has completed yet."]),
        (not_finite, ["-inf"]),
        (conditional, ["trial 0"]),
        (two_objectives, ["minimize value 0, maximize value 1", "The Pareto front"]),
        (three_objectives, ["The Pareto front"]),
        (five_objectives, ["A front of 5 objectives cannot be drawn"]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_any_study_gives_a_page(show: Callable[..., Any], made: Callable[[], optuna.Study], said: list[str]) -> None:
    """Whatever a study holds, the page opens without an error and says what there is to say."""
    with show(made(), width=390) as page:
        shown = text(page, "body")
        for sentence in said:
            assert sentence in shown
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_front_of_two_objectives(show: Callable[..., Any]) -> None:
    """The Pareto front has a plot and a table of its own, and each objective its history."""
    with show(two_objectives()) as page:
        traces = {trace["name"]: trace for trace in drawn(page, "front")}
        assert sorted(zip(traces["front"]["x"], traces["front"]["y"], strict=True)) == [
            (1.0, 3.0),
            (2.0, 5.0),
        ]
        assert [row[0] for row in cells(page, "#best table")] == ["1", "3"]
        assert drawn(page, "history-1")[0]["y"] == [2.0, 3.0, 1.0, 5.0]


def test_trials_that_violate_a_constraint_are_marked(show: Callable[..., Any]) -> None:
    """The best value is of a trial that keeps its constraints; the page says how many do not."""
    made = study()
    for value, violation in ((1.0, 1.0), (2.0, -1.0), (3.0, -1.0)):
        asked = made.ask({"lr": FloatDistribution(0, 1)})
        asked.set_constraint("memory", violation)
        made.tell(asked, value)
    with show(made) as page:
        assert "trial 1" in text(page, "#summary")
        assert "1 completed trials violate a constraint" in text(page, "#summary")
        assert [row[0] for row in cells(page, "#best table")] == ["1", "2", "0 (violates a constraint)"]


def test_long_studies_show_a_part_and_say_so(show: Callable[..., Any], tmp_path: Path) -> None:
    """Of ten thousand trials a plot shows the best, the page stays below 8 MB, and it says what is left out."""
    trials = [
        trial(
            n,
            TrialState.PRUNED if n % 3 == 2 else TrialState.COMPLETE,
            values=[1 + (n * 7919 % 10_007) / 10_007],
            params={"lr": 1e-4 + (n * 31 % 997) / 1000, "act": ("relu", "gelu")[n % 2]},
            steps=dict.fromkeys(range(20), 1.0) if n % 2 else {},
            worker=n % 8,
        )
        for n in range(10_000)
    ]
    best = min(one.values[0] for one in trials if one.values)
    with show(study(trials)) as page:
        assert (tmp_path / "report.html").stat().st_size < 8_000_000
        assert f"{best:.6g}" in text(page, "#summary")
        assert "Showing 1,999 of 10,000 trials" in text(page, "#history")
        assert "Showing 2,000 of 8,333 trials: the best ones" in text(page, "#slices")
        assert "Showing 300 of 8,333 trials: the best ones" in text(page, "#parallel")
        assert "Showing 200 of 5,000 trials" in text(page, "#intermediate")
        assert "Showing the latest 2,000 of 10,000 trials." in text(page, "#timeline")
        assert drawn(page, "history-0")[-1]["y"][-1] == best
        assert sum(len(trace["x"]) for trace in drawn(page, "slice-0-0")) == 2000


def test_wide_studies_stay_small(tmp_path: Path) -> None:
    """Sixty hyperparameters whose choices are long texts, and three objectives, still make a page below 8 MB."""
    texts = [f"[{n},{'0,' * 400}1]" for n in range(5)]
    space = {f"p{place}": CategoricalDistribution(texts) for place in range(60)}
    trials = [
        trial(
            n,
            values=[n, -n, n % 7],
            params={name: texts[(n + place) % 5] for place, name in enumerate(space)},
            space=space,
        )
        for n in range(1_500)
    ]
    write_report(study(trials, directions=["minimize"] * 3), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 8_000_000


def test_long_choices_are_cut_and_told_apart(show: Callable[..., Any]) -> None:
    """A choice that is a long list is drawn by its start and its place among the choices."""
    texts = [f"[{'1,' * 30}{n}]" for n in range(2)]
    space = {"sizes": CategoricalDistribution(texts)}
    with show(study([trial(n, params={"sizes": texts[n % 2]}, space=space) for n in range(4)])) as page:
        assert set(drawn(page, "slice-0-0")[0]["x"]) == {f"{texts[0][:27]}… #{place}" for place in (0, 1)}
