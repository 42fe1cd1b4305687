"""The rivals: how each is started, and what its run left behind."""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OFFICIAL = ("hydra-core==1.4.0rc3", "hydra-optuna-sweeper==1.4.0rc3", "hydra-joblib-launcher==1.4.0rc3", "numpy")
LIMIT_S = 900
BASE = """
folder: {folder}
seed: {seed}
point: {{{values}}}
"""


@dataclass(frozen=True, slots=True)
class Case:
    """One search: a table in `folder`, searched with a seed on so many workers for so many trials."""

    folder: Path
    space: dict[str, list[str] | int]
    seed: int
    n_workers: int
    n_trials: int

    @property
    def ranges(self) -> list[str]:
        """The space as overrides, which mean the same to every sweeper."""
        return [
            f"point.{name}=" + (f"range(0,{choices})" if isinstance(choices, int) else f"choice({','.join(choices)})")
            for name, choices in self.space.items()
        ]


@dataclass(frozen=True, slots=True)
class Trial:
    """One training: when it ran, in seconds after the command was started, which configuration, and what it showed."""

    start_s: float
    end_s: float
    index: int
    loss: float
    recorded_s: float


Rival = Callable[[Case], list[list[str]]]
"""Gives the commands that run a case, all at a time."""


def qgtune(case: Case, *more: str) -> list[list[str]]:
    """Our sweeper with its defaults; nobody starts from known values, so the base settings are sampled, too."""
    sweeper = ("hydra/sweeper=qgtune", "hydra.sweeper.enqueue_base=false", "hydra.sweeper.report=false")
    return [_sweep(case, sys.executable, *sweeper, f"hydra.sweeper.seed={case.seed}", *more)]


def at_random(case: Case) -> list[list[str]]:
    """The same workers without a sampler."""
    return qgtune(case, "hydra/sweeper/sampler=random")


def stock(case: Case) -> list[list[str]]:
    """As many shells of stock Optuna on one journal."""
    arguments = (str(case.folder), str(case.seed))
    return [
        [sys.executable, str(HERE / "stock.py"), *arguments, str(rank), str(case.n_trials)]
        for rank in range(case.n_workers)
    ]


def official(python: str) -> Rival:
    """Return the official sweeper with the joblib launcher, in an environment of its own."""

    def commands(case: Case) -> list[list[str]]:
        launcher = ("hydra/launcher=joblib", f"hydra.launcher.n_jobs={case.n_workers}") if case.n_workers > 1 else ()
        seed = f"hydra.sweeper.sampler.seed={case.seed}"
        return [_sweep(case, python, "hydra/sweeper=optuna", seed, *launcher)]

    return commands


def official_environment(folder: Path) -> str:
    """Make the environment of the official sweeper, unless it is there; return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--pre", *OFFICIAL]
        subprocess.run(install, check=True, timeout=LIMIT_S)
    return str(python)


def _sweep(case: Case, python: str, *arguments: str) -> list[str]:
    own = (f"hydra.sweep.dir={case.folder}/sweep", f"hydra.sweeper.n_trials={case.n_trials}")
    conf = (f"--config-dir={case.folder}/conf", "--config-name=config")
    jobs = f"hydra.sweeper.n_jobs={case.n_workers}"
    return [python, str(HERE / "app.py"), "--multirun", *conf, *own, jobs, *arguments, *case.ranges]


def run(case: Case, rival: Rival) -> list[Trial]:
    """Run a case from nothing to its end.

    Returns:
        Its trials, in the order in which they ended.

    Raises:
        RuntimeError: when a command fails, or another number of trials ran.
    """
    (case.folder / "conf").mkdir()
    first = {name: 0 if isinstance(choices, int) else choices[0] for name, choices in case.space.items()}
    values = ", ".join(f"{name}: {value}" for name, value in first.items())
    (case.folder / "conf" / "config.yaml").write_text(BASE.format(folder=case.folder, seed=case.seed, values=values))
    start_s = time.time()
    processes = [
        subprocess.Popen(command, cwd=case.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for command in rival(case)
    ]
    for process in processes:
        out, _ = process.communicate(timeout=LIMIT_S)
        if process.returncode:
            raise RuntimeError(out)
    lines = [line.split() for line in (case.folder / "trials.txt").read_text().splitlines()]
    trials = [
        Trial(float(start) - start_s, float(end) - start_s, int(index), float(loss), float(recorded))
        for start, end, index, loss, recorded in lines
    ]
    if not case.n_trials <= len(trials) <= case.n_trials + case.n_workers:  # stock Optuna's shells may run more
        raise RuntimeError(f"{len(trials)} trials ran, not {case.n_trials}")
    return sorted(trials, key=lambda trial: trial.end_s)
