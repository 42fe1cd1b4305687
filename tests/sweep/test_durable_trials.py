"""A trial is recorded before it runs, has one end whatever its function does, and can be run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from optuna.trial import TrialState

from qgtune.study.attempts.attempt import Attempt
from tests.sweep.sweeps import states, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App
    from tests.sweep.conftest import Start

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow

MIN = """
defaults: [_self_, {{override hydra/sweeper: qgtune}}]
lr: 0.1
{more}
hydra:
  {hydra}
  sweeper: {{n_trials: 3, seed: 1, report: false, search_space: {{lr: {{type: tuple, value: [0.1, 1.0]}}}}}}
"""
BODY_WITHOUT_LAYERS = "assert cfg.model.layers[1].in_dim == cfg.model.layers[0].out_dim\n    "


def small(make_app: MakeApp, body: str, more: str = "", hydra: str = "job: {}") -> App:
    """Make an app with one learning rate, which its function returns after `body`."""
    app = make_app(body, MIN.format(more=more, hydra=hydra))
    script = (app.folder / "train.py").read_text()
    script = script.replace(BODY_WITHOUT_LAYERS, "").replace("cfg.training.lr", "cfg.lr")
    (app.folder / "train.py").write_text(script)
    return app


def command(app: App, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `qgtune` in the app's folder."""
    line = [sys.executable, "-m", "qgtune", *arguments]
    return subprocess.run(line, cwd=app.folder, capture_output=True, text=True, check=False, timeout=120)


DEEDS = {
    "cancelled": "import asyncio; raise asyncio.CancelledError",
    "generator exit": "raise GeneratorExit",
    "its own interrupt": "raise KeyboardInterrupt",
    "no text": "class E(Exception):\n    def __str__(self): raise ValueError\nraise E",
    "no pickle": "import threading\nerror = ValueError('odd')\nerror.lock = threading.Lock()\nraise error",
    "huge number": "return 10**400",
    "an interrupt from its error's text": (
        "class E(Exception):\n    def __str__(self): raise KeyboardInterrupt\nraise E('no text')"
    ),
    "an exit from its value": "class V:\n    def __float__(self): raise SystemExit(3)\nreturn V()",
    "text that no encoding has": r"raise ValueError('\udcff')",
    "no iteration": "class V(list):\n    def __iter__(self): raise ValueError('no')\nreturn V()",
}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_whatever_the_function_does_ends_one_trial(make_app: MakeApp, deed: str, n_jobs: int) -> None:
    """The trial fails for good, the others run, and no attempt is made twice."""
    body = "if HydraConfig.get().job.num == 1:\n    " + deed.replace("\n", "\n    ")
    app = small(make_app, body)
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}")
    assert run.code == 0, run.err
    assert sorted(states(app)) == ["COMPLETE", "COMPLETE", "FAIL"]
    (bad,) = (trial for trial in app.trials() if trial.state == TrialState.FAIL)
    assert Attempt.of(bad).end == "failed"
    assert Attempt.of(bad).reason


SIDE_EFFECTS = {
    "closed streams": "import sys\nsys.stdout.close()\nsys.stderr.close()",
    "a stream in place of ours, closed": "import sys\nsys.stdout = open('other.txt', 'w')\nsys.stdout.close()",
    "a wrapped stream": "import io, sys\nwrapped = io.TextIOWrapper(sys.stdout.buffer)\ndel wrapped",
    "a detached stream": "import sys\nsys.stdout.detach()",
    "a low recursion limit": (
        "import sys\nframe, depth = sys._getframe(), 0\n"
        "while frame := frame.f_back:\n    depth += 1\nsys.setrecursionlimit(depth + 20)"
    ),
    "a child that exits": "if os.fork() == 0:\n    raise SystemExit(0)\ntime.sleep(0.5)",
    "a child that raises": "if os.fork() == 0:\n    raise ValueError('of the child')\ntime.sleep(0.5)",
    "a child that returns": "if os.fork() == 0:\n    return 100.0\ntime.sleep(0.5)",
}


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("deed", SIDE_EFFECTS.values(), ids=SIDE_EFFECTS)
def test_what_the_function_leaves_behind_harms_no_trial(make_app: MakeApp, deed: str, n_jobs: int) -> None:
    """Its own trial counts with the value that it returned, and so do those that come after it in the same process."""
    app = small(make_app, "print('seen')\nif HydraConfig.get().job.num == 1:\n    " + deed.replace("\n", "\n    "))
    run = app.sweep(f"hydra.sweeper.n_jobs={n_jobs}", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err
    assert states(app) == ["COMPLETE"] * 4
    assert "Logging error" not in run.err
    assert run.out.count("Look at the study") == 1
    assert all(value < 1.1 for trial in app.trials() for value in trial.values or [])
    assert all("seen" in app.path(str(number), "output.log").read_text() for number in range(4))


def test_a_trial_without_a_folder_fails_for_good(make_app: MakeApp) -> None:
    """A folder's name that is too long for the file system is the end of its trial, not a loop."""
    app = small(make_app, "pass")
    long = "x" * 300
    run = app.sweep("hydra.sweep.subdir=${name}", f"+name=a,b,c,d,{long}", f"hydra.sweeper.enqueue=[{{name:{long}}}]")
    assert run.code == 0, run.err
    assert "File name too long" in run.out
    assert sorted(states(app)) == ["COMPLETE", "COMPLETE", "FAIL"]


def test_a_leftover_thread_does_not_hold_a_sweep(make_app: MakeApp) -> None:
    """A worker whose function left a thread behind ends all the same."""
    app = small(make_app, "import threading; threading.Thread(target=time.sleep, args=(600,)).start()")
    assert app.sweep("hydra.sweeper.n_jobs=2", timeout_s=60).code == 0


def test_a_changed_working_folder_moves_nothing(make_app: MakeApp) -> None:
    """Later trials and the results lie in the sweep folder, wherever a function went."""
    app = small(make_app, "os.chdir('/')")
    run = app.sweep()
    assert run.code == 0, run.err
    assert all(app.path(str(number), ".hydra", "config.yaml").is_file() for number in range(3))
    assert app.path("best_config.yaml").is_file()


def test_the_record_holds_what_the_function_saw(make_app: MakeApp) -> None:
    """A random resolver's value, a variable of the job's environment and plain text are recorded as they were."""
    body = "Path(cfg.out, 'seen.txt').write_text(f'{cfg.dice} {cfg.home} {cfg.text}')\n"
    body += "Path(cfg.out, 'coins.txt').write_text(str(list(cfg.coins)))"
    more = "dice: ${dice:}\nhome: ${oc.env:MINE}\nout: ${hydra:runtime.output_dir}\ntext: '\\${x}'\n"
    more += "coins: ['${a-coin:}', '${a-coin:}', '${a-coin:}', '${a-coin:}', '${a-coin:}']\n"
    more += "near: ${hydra:sweep.dir}/${hydra:sweep.subdir}\nplain: ${hydra:run.dir}"
    app = small(make_app, body, more, "job: {env_set: {MINE: there}}")
    script = (app.folder / "train.py").read_text()
    register = (
        "import random\nfrom omegaconf import OmegaConf\nOmegaConf.register_new_resolver('dice', random.random)\n"
        "OmegaConf.register_new_resolver('a-coin', lambda: random.random() < 0.5)\n"
    )
    (app.folder / "train.py").write_text(register + script)
    run = app.sweep()
    assert run.code == 0, run.err
    best = app.yaml("best_config.yaml")
    assert (app.path("0", "seen.txt")).read_text() == f"{best['dice']} there ${{x}}"
    assert best["home"] == "there"
    assert best["out"] == "${hydra:runtime.output_dir}"
    assert best["near"] == "${hydra:sweep.dir}/${hydra:sweep.subdir}"
    assert best["plain"] == "${hydra:run.dir}"
    for number in range(3):
        record = app.yaml(".qgtune", "trials", f"{number}.yaml")["config"]
        assert app.path(str(number), "coins.txt").read_text() == str(record["coins"])


def test_a_trial_runs_again_in_a_folder_of_its_own(make_app: MakeApp) -> None:
    """`qgtune rerun` names what differs, writes nowhere into the sweep, and lets the user change something."""
    app = small(
        make_app,
        "Path(cfg.out, 'model.txt').write_text(f'{cfg.lr} {cfg.note}')",
        "note: a\nout: ${hydra:runtime.output_dir}",
    )
    assert app.sweep().code == 0
    before = app.path("2", "model.txt").read_text()
    done = command(app, "rerun", "sweep", "--trial", "2", "hydra.run.dir=again", "note=b")
    assert done.returncode == 0, done.stderr
    assert "differs" not in done.stderr
    assert (app.folder / "again" / "model.txt").read_text() == before.replace(" a", " b")
    assert app.path("2", "model.txt").read_text() == before
    config = app.folder / "conf" / "config.yaml"
    config.write_text(config.read_text().replace("note: a", "note: c"))
    done = command(app, "rerun", "sweep", "--trial", "2", "--dry-run")
    assert "It differs from trial 2: note: 'a', now 'c'" in done.stderr


def test_a_resumed_sweep_names_what_changed(make_app: MakeApp) -> None:
    """Fixed settings that differ from the last sweep's are told, old and new; each trial knows its own."""
    app = small(make_app, "pass", "data: a")
    assert app.sweep("hydra.sweeper.n_trials=2").code == 0
    again = app.sweep("hydra.sweeper.n_trials=3", "data=b")
    assert again.code == 0, again.err
    assert 'data: "a", now "b"' in again.out
    assert len({Attempt.of(trial).settings for trial in app.trials()}) == 2
    assert app.yaml("best_config.yaml")["data"] == "a"


def test_two_sweeps_with_other_settings_do_not_share_a_study(make_app: MakeApp) -> None:
    """The second one is refused before anything of it runs, and overwrites nothing."""
    app = small(make_app, "time.sleep(1)", "data: a")
    first = app.start()
    try:
        while not app.path("0").is_dir():
            assert first.poll() is None
        second = app.sweep("data=b")
        assert second.code == 1
        assert "a sweep with other settings runs on it now" in second.err
        assert 'data: "a", now "b"' in second.err
    finally:
        out, err = first.communicate(timeout=60)
    assert first.returncode == 0, out + err
    assert {app.yaml(str(number), ".hydra", "config.yaml")["data"] for number in range(3)} == {"a"}


def test_the_best_config_is_there_while_the_sweep_runs(make_app: MakeApp, start: Start) -> None:
    """Whoever kills everything has the best trial so far, as it was recorded."""
    app = small(make_app, "if HydraConfig.get().job.num:\n        Path('waits').touch(); time.sleep(60)")
    sweep = start(app, "hydra.sweeper.n_jobs=1")
    wait_for((app.folder / "waits").exists)
    os.killpg(sweep.process.pid, signal.SIGKILL)
    (first, _) = app.trials()
    assert app.yaml("best_config.yaml") == {"lr": first.value}
    assert app.yaml("best_trial.yaml") == {"lr": first.value}


def test_a_folder_that_repeats_is_numbered(make_app: MakeApp) -> None:
    """No trial writes over another one's folder."""
    app = small(make_app, "Path(HydraConfig.get().runtime.output_dir, 'x').write_text(str(cfg.lr))")
    run = app.sweep("hydra.sweep.subdir=same")
    assert run.code == 0, run.err
    assert {path.parent.name for path in app.path().glob("*/x")} == {"same", "same_1", "same_2"}


@pytest.mark.parametrize(
    ("method", "said"), [("spawn", "was killed by SIGKILL"), ("forkserver", "Finished: 3 trials (3 complete")]
)
def test_a_worker_killed_while_it_starts_is_lost_like_any_other(make_app: MakeApp, method: str, said: str) -> None:
    """The sweep says so and goes on with another one, rather than wait for it; the server of workers is one of them."""
    app = small(make_app, "pass")
    script = (app.folder / "train.py").read_text()
    kill = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "if __name__ == '__mp_main__' and not Path('killed').exists():\n"
        "    Path('killed').touch()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (app.folder / "train.py").write_text(kill + script)
    method = f"hydra.launcher.start_method={method}"
    run = app.sweep("hydra/launcher=qgtune", method, "hydra.sweeper.n_jobs=2", timeout_s=60)
    assert run.code == 0, run.err
    assert said in run.out
    assert states(app) == ["COMPLETE"] * 3


@pytest.mark.skipif(
    subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "true"], check=False, capture_output=True).returncode
    != 0,
    reason="needs the right to make a PID namespace",
)
def test_sweeps_in_pid_namespaces_leave_each_others_trials_alone(make_app: MakeApp) -> None:
    """Containers may share a host name: process ids of one mean nothing in the other."""
    app = small(make_app, "time.sleep(0.5)")
    app.path().mkdir()
    inside = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    shared = f"hydra.sweeper.storage={app.path('study.log')}"
    lines = [
        [*inside, *app.command("-m", f"hydra.sweep.dir={folder}", shared, "hydra.sweeper.n_trials=8")]
        for folder in ("one", "two")
    ]
    sweeps = [
        subprocess.Popen(
            line, cwd=app.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
        )
        for line in lines
    ]
    ended = [sweep.communicate(timeout=120) for sweep in sweeps]
    assert [sweep.returncode for sweep in sweeps] == [0, 0], ended
    assert states(app) == ["COMPLETE"] * 8
