"""What the progress costs: core time of its thread with a long study, and of a trial with and without it.

The first part fills a journal with trials, then looks at it as the live view does while a writer adds more, and prints
the share of a core. The second runs the same sweep on a terminal with `progress=bar` and `progress=off`, by turns.

    python -m tests.benchmarks.progress_cost [--trials 10000] [--seconds 20] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import optuna

from qgtune.progress.lines import LogLines
from qgtune.progress.relay.own_output import OwnStreams
from qgtune.progress.show import Bar
from qgtune.progress.view import LiveView
from qgtune.progress.watched import Watched
from qgtune.study.attempts.limits import Limits
from qgtune.study.journal.storage import Journal
from qgtune.study.session import Session
from tests.benchmarks.trial_cost import NAMES, make_app
from tests.terminal import Terminal


def fill(journal: Path, n_trials: int) -> None:
    """Write a study with trials that have parameters and reports."""
    study = optuna.create_study(storage=Journal(journal), study_name="s")
    space = {name: optuna.distributions.FloatDistribution(0, 1) for name in NAMES}
    trials = [
        optuna.trial.create_trial(
            params=dict.fromkeys(NAMES, 0.5),
            distributions=dict(space),
            value=1.0 / (number + 1),
            intermediate_values=dict.fromkeys(range(5), 0.5),
        )
        for number in range(n_trials)
    ]
    study.add_trials(trials)


def add_trials(study: optuna.Study, ended: threading.Event) -> int:
    """Run ten trials a second, each with ten reports, until told to end; return how many there were."""
    n_trials = 0
    while not ended.is_set():
        trial = study.ask({name: optuna.distributions.FloatDistribution(0, 1) for name in NAMES})
        for step in range(10):
            trial.report(0.5, step)
            ended.wait(0.01)
        study.tell(trial, 1.0)
        n_trials += 1
    return n_trials


def look(journal: Path, seconds: float, mode: str) -> None:
    """Print the core time of the thread that shows the progress."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    session = Session(optuna.load_study(storage=Journal(journal), study_name="s"), Limits(100_000))
    session.study.get_trials(deepcopy=False)  # as a sweep does before it starts
    watched, spent_s = Watched(session, 2), [0.0]
    outer, inner = pty.openpty()
    threading.Thread(target=_drain, args=(outer,), daemon=True).start()
    shown = LogLines(watched) if mode == "log" else Bar(watched, LiveView(inner, "s"), OwnStreams(()))

    def run() -> None:
        shown.run()
        spent_s[0] = time.thread_time()

    thread, ended = threading.Thread(target=run), threading.Event()
    writer = optuna.load_study(
        storage=Journal(journal),
        study_name="s",
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
    )
    start_s = time.monotonic()
    thread.start()
    timer = threading.Timer(seconds, ended.set)
    timer.start()
    n_trials = add_trials(writer, ended)
    shown.stop()
    thread.join()
    passed_s = time.monotonic() - start_s
    share = spent_s[0] / passed_s
    print(f"{mode}: {share:.2%} of a core, {n_trials / passed_s:.1f} new trials a second, {passed_s:.0f} s")


def _drain(descriptor: int) -> None:
    while True:
        try:
            os.read(descriptor, 1 << 16)
        except OSError:
            return


def gaps_ms(folder: Path, mode: str, n_trials: int, name: str) -> list[float]:
    """Run a sweep on a terminal; return the times between the starts of successive jobs, in milliseconds."""
    ranges = [f"{path}=interval(0,1)" for path in NAMES]
    options = ["hydra/sweeper=qgtune", "hydra/sweeper/sampler=random", f"hydra.sweeper.n_trials={n_trials}"]
    command = [sys.executable, "app.py", "--multirun", *options, f"hydra.sweeper.progress={mode}"]
    terminal = Terminal([*command, f"hydra.sweep.dir={name}", *ranges], folder, columns=10_000, rows=400)
    terminal.finish()
    found = re.search(r"gaps_ms ([\d. ]*)", terminal.text)
    if found is None:
        raise RuntimeError(terminal.text)
    return [float(gap) for gap in found[1].split()]


def compare(n_trials: int, n_rounds: int) -> None:
    """Print what a trial in this process costs with the view and without."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_app(folder)
        times: dict[str, list[float]] = {"off": [], "bar": [], "log": []}
        for number in range(n_rounds):
            for mode in times:
                times[mode] += gaps_ms(folder, mode, n_trials, f"{mode}{number}")
    medians = {mode: statistics.median(gaps) for mode, gaps in times.items()}
    for mode, median in medians.items():
        print(f"progress={mode}: {median:.2f} ms a trial, {median / medians['off']:.3f} of off")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        journal = Path(name, "study.log")
        fill(journal, arguments.trials)
        for mode in ("bar", "log"):
            look(journal, arguments.seconds, mode)
    compare(300, arguments.rounds)


if __name__ == "__main__":
    main()
