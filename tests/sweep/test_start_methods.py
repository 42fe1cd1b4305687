"""How worker processes come about: forked from a server that has imported the script, or spawned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from qgtune.processes.preloaded_private import _doubt

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

HEAD = """
import random, subprocess, threading
import numpy
with open("imported", "a") as file:
    file.write(f"{os.getpid()}\\n")
"""


@pytest.mark.parametrize(
    ("after", "doubt"),
    [
        pytest.param((1, {"0 /dev/null"}, 0), "", id="nothing"),
        pytest.param((2, {"0 /dev/null"}, 0), "its import starts threads", id="a thread"),
        pytest.param((1, {"0 /dev/null", "7 /data.h5"}, 0), "its import leaves /data.h5 open", id="a file"),
        pytest.param((1, {"0 /dev/null"}, 1), "its import starts processes", id="a process"),
    ],
)
def test_what_a_fork_does_not_carry_over(after: tuple[int, set[str], int], doubt: str) -> None:
    """A server is in doubt where its script's import leaves what a forked process cannot use."""
    assert _doubt((1, {"0 /dev/null"}, 0), after) == doubt


def app_with(make_app: MakeApp, head: str, body: str) -> App:
    """Make an app whose script runs `head` when it is imported, and notes in which process that is."""
    app = make_app(body)
    script = app.folder / "train.py"
    script.write_text(script.read_text().replace("\n\n@hydra.main", f"\n{HEAD}{head}\n\n@hydra.main", 1))
    return app


def n_imports(app: App) -> int:
    """Return in how many processes the script was imported."""
    return len((app.folder / "imported").read_text().split())


@pytest.mark.slow
@pytest.mark.matrix
@pytest.mark.parametrize(("method", "least", "most"), [("forkserver", 2, 2), ("spawn", 5, 7)])
def test_a_server_imports_the_script_once(make_app: MakeApp, method: str, least: int, most: int) -> None:
    """However many workers there are, sweep and server import the script; spawned ones import it themselves."""
    app = app_with(make_app, "", "(Path(f'by-{os.getpid()}')).touch()")
    arguments = ("hydra/launcher=qgtune", f"hydra.launcher.start_method={method}", "hydra.sweeper.trials_per_worker=1")
    run = app.sweep("hydra.sweeper.n_jobs=2", *arguments)
    assert run.code == 0, run.err
    assert len(list(app.folder.glob("by-*"))) == 4
    assert least <= n_imports(app) <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    "head",
    [
        pytest.param("threading.Thread(target=time.sleep, args=(600,), daemon=True).start()", id="starts a thread"),
        pytest.param("held = open(__file__)", id="leaves a file open"),
        pytest.param(
            "held = subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)",
            id="starts a process",
        ),
        pytest.param("if 'forkserver' in sys.orig_argv[-1]: sys.exit(3)", id="ends there"),
    ],
)
def test_in_doubt_processes_are_spawned(make_app: MakeApp, head: str) -> None:
    """A script whose import leaves what no fork carries over is imported by each worker, as ever."""
    app = app_with(make_app, head, "time.sleep(0.5)")
    run = app.sweep("hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert n_imports(app) == 4
    assert len(app.trials()) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head", "n_different"),
    [
        pytest.param("", 4, id="without a seed"),
        pytest.param("random.seed(1); numpy.random.seed(1)", 1, id="with a seed of the script's"),
    ],
)
def test_forked_workers_draw_as_spawned_ones(make_app: MakeApp, head: str, n_different: int) -> None:
    """Random numbers start from nobody else's, or from a seed that the script sets when it is imported."""
    app = app_with(make_app, head, "print('DRAWN', random.random(), numpy.random.random()); time.sleep(0.5)")
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.trials_per_worker=1")
    assert run.code == 0, run.err
    assert n_imports(app) == 2
    lines = [line.split("DRAWN ")[1].split() for line in run.out.splitlines() if "DRAWN " in line]
    assert [len(set(column)) for column in zip(*lines, strict=True)] == [n_different, n_different]


@pytest.mark.slow
def test_a_forked_worker_and_its_children_bear_its_mark(make_app: MakeApp) -> None:
    """What a worker starts is known by its mark, in `/proc`, where the system forgets who started it."""
    body = (
        "mine = [v for v in Path('/proc/self/environ').read_bytes().split(b'\\0') if v.startswith(b'QGTUNE_FAMILY')]\n"
        "theirs = subprocess.check_output(['cat', '/proc/self/environ']).split(b'\\0')\n"
        "assert mine[0] in theirs and os.environ['QGTUNE_FAMILY'].encode() in mine[0]\n"
        "print('MARK', mine[0].decode())\n"
        "assert os.environ['PWD'] and 'QGTUNE_PRELOAD' not in os.environ"
    )
    app = app_with(make_app, "", body)
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.trials_per_worker=1")
    assert run.code == 0, run.err
    assert n_imports(app) == 2
    marks = [line.split("MARK ")[1] for line in run.out.splitlines() if "MARK " in line]
    assert len(set(marks)) == len(marks) == 4


@pytest.mark.slow
def test_a_sweep_outlives_its_server(make_app: MakeApp) -> None:
    """Somebody kills the server: the workers that it forked are lost, others are started, and no trial is missing."""
    body = (
        "first = not Path('killed').exists()\nPath('killed').touch()\nif first: os.kill(os.getppid(), signal.SIGKILL)"
    )
    app = app_with(make_app, "", body)
    run = app.sweep("hydra.sweeper.n_jobs=2", "hydra.sweeper.trials_per_worker=1")
    assert run.code == 0, run.err
    assert sum(trial.state.name == "COMPLETE" for trial in app.trials()) == 4
