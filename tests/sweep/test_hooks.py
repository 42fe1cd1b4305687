"""Users' own hooks and notifications: what they hear of a sweep, wherever its trials run."""

from __future__ import annotations

import json
import re
import shlex
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.sweep.sweeps import Sweep, states, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import App

    MakeApp = Callable[..., App]
    Start = Callable[..., Sweep]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TIMEOUT_S = 240
HOOKS = '''
import json, os, time
from pathlib import Path

from qgtune import Hook


class Diary(Hook):
    """Appends a line for each event."""

    def __init__(self, path):
        self.path = Path(path)

    def note(self, event, info, *more):
        number = getattr(info, "number", None)
        state = getattr(info, "state", getattr(info, "failure", None))
        line = [event, number, getattr(info, "configuration", None), state, os.getpid(), *more]
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\\n")

    def sweep_started(self, sweep):
        self.note("sweep_started", sweep, sweep.n_trials, sweep.study_name, list(sweep.hyperparameters))

    def trial_started(self, trial):
        assert (trial.folder / ".hydra").is_dir()
        self.note("trial_started", trial, dict(trial.params))

    def trial_reported(self, trial, value, step):
        self.note("trial_reported", trial, value, step)

    def trial_ended(self, trial):
        self.note("trial_ended", trial, dict(trial.values), trial.reason, dict(trial.reports))

    def new_best(self, trial):
        self.note("new_best", trial, dict(trial.values))

    def sweep_ended(self, sweep):
        self.note("sweep_ended", sweep, dict(sweep.counts), [trial.number for trial in sweep.best])

    def close(self):
        self.note("close", None)


class Broken(Hook):
    """Fails at each report, and hangs at an end."""

    timeout_s = 0.5

    def trial_reported(self, trial, value, step):
        raise KeyError("of mine")

    def trial_ended(self, trial):
        time.sleep(600)


class NoHook:
    """Something else."""


class Wrong(Hook):
    """Cannot be built."""

    def __init__(self):
        raise RuntimeError("not today")
'''
BODY = """
from qgtune.live import current_trial
number = HydraConfig.get().job.num
Path(f"started-{number}").touch()
for step in range(2):
    qgtune.report(cfg.training.lr + step, step)
if Path("fail").exists() and number == 1:
    raise ValueError("no")
if Path("die").exists() and number == 2:
    while '["trial_started", 2,' not in Path("diary").read_text():
        time.sleep(0.05)
    os.kill(os.getpid(), 9)
while Path("wait").exists():
    time.sleep(0.05)
"""
DIARY = "hydra.sweeper.hooks=[{_target_: mine.Diary, path: '${hydra.runtime.cwd}/diary'}]"
LAUNCHERS = {
    "in process": [],
    "processes": ["hydra.sweeper.n_jobs=2"],
    "joblib": ["hydra.sweeper.n_jobs=2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
}


@pytest.fixture
def hooked(make_app: MakeApp) -> App:
    """Return an app with hooks beside it."""
    app = make_app(BODY)
    (app.folder / "mine.py").write_text(HOOKS)
    return app


def diary(app: App) -> list[list[Any]]:
    """Return what the hook wrote."""
    return [json.loads(line) for line in (app.folder / "diary").read_text().splitlines()]


def heard(app: App, event: str) -> list[list[Any]]:
    """Return what the hook wrote of an event."""
    return [line[1:] for line in diary(app) if line[0] == event]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_hook_hears_each_event_once(hooked: App, launcher: str) -> None:
    """Under every launcher: the sweep first and last, each trial's start, reports and end in this order."""
    if launcher == "joblib":
        pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    (hooked.folder / "fail").touch()
    run = hooked.sweep(*LAUNCHERS[launcher], DIARY, timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    assert "hydra.sweeper.hooks" not in run.err + run.out
    lines = [line for line in diary(hooked) if line[0] != "close"]
    assert [lines[0][0], lines[-1][0]] == ["sweep_started", "sweep_ended"]
    assert lines[0][5:7] == [4, "train"]
    assert set(lines[0][7]) == set(hooked.trials()[3].params)
    best = min((trial for trial in hooked.trials() if trial.value is not None), key=lambda trial: trial.value or 0)
    assert lines[-1][5:] == [{"complete": 3, "pruned": 0, "failed": 1, "running": 0}, [best.number]]
    for trial in hooked.trials():
        mine = [line for line in lines if line[1] == trial.number and line[0] != "new_best"]
        assert [line[0] for line in mine] == ["trial_started", "trial_reported", "trial_reported", "trial_ended"]
        assert mine[0][5] == trial.params
        assert [line[5:] for line in mine[1:3]] == [[value, step] for step, value in trial.intermediate_values.items()]
        assert mine[3][3] == ("failed" if trial.number == 1 else "complete")
        assert mine[3][5] == ({} if trial.value is None else {"value": trial.value})
        assert mine[3][7] == {str(step): value for step, value in trial.intermediate_values.items()}
    assert [line[0] for line in heard(hooked, "new_best")][-1] == best.number
    pids = {line[4] for line in diary(hooked)}
    assert len(heard(hooked, "close")) == len(pids)


def test_the_end_of_a_lost_attempt_is_told_by_another_process(hooked: App) -> None:
    """What goes on with its configuration is known as such."""
    (hooked.folder / "die").touch()
    run = hooked.sweep("hydra.sweeper.n_jobs=2", DIARY, timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    (lost,) = (line for line in heard(hooked, "trial_ended") if line[2] == "lost")
    (started,) = (line for line in heard(hooked, "trial_started") if line[0] == 2)
    assert lost[:2] == [2, "2"]
    assert lost[3] != started[3]
    (again,) = (line for line in heard(hooked, "trial_ended") if line[1] == "2" and line[0] != 2)
    assert again[2] == "complete"


def test_a_hook_that_fails_and_hangs_costs_no_trial_anything(hooked: App) -> None:
    """Each trouble is said once for all processes, with the hook's name, and the other hooks go on."""
    both = DIARY.replace("=[", "=[{_target_: mine.Broken}, ")
    run = hooked.sweep("hydra.sweeper.n_jobs=2", both, timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    assert states(hooked) == ["COMPLETE"] * 4
    name = "hydra.sweeper.hooks[0] (Broken)"
    said = [line[line.index(name) :] for line in (run.err + run.out).splitlines() if name in line]
    assert sorted(said) == [
        f"{name} failed: KeyError: 'of mine'. The sweep goes on; no other failure of it is told.",
        f"{name} takes longer than 0.5 s. The sweep goes on without it.",
    ]
    assert len(heard(hooked, "trial_ended")) == 4


def test_a_sweep_that_goes_on_is_the_same_to_a_hook(hooked: App, start: Start) -> None:
    """After Ctrl-C the given back trial is told as such, the sweep as interrupted; the next one has the same id."""
    (hooked.folder / "wait").touch()
    hooks = "class Ids(Hook):\n    def sweep_started(self, sweep):\n        print(sweep.id, file=open('ids', 'a'))\n"
    (hooked.folder / "mine.py").write_text(f"{HOOKS}\n\n{hooks}")
    both = DIARY.replace("=[", "=[{_target_: mine.Ids}, ")
    sweep = start(hooked, "hydra.sweeper.n_trials=2", both)
    sweep.wait_until_started(0)
    wait_for(lambda: (hooked.folder / "diary").exists() and len(heard(hooked, "trial_reported")) == 2)
    sweep.ctrl_c()
    assert sweep.end() == 130
    assert [line[2] for line in heard(hooked, "trial_ended")] == ["returned"]
    assert [line[2] for line in heard(hooked, "sweep_ended")] == ["interrupted"]
    (hooked.folder / "wait").unlink()
    run = hooked.sweep("hydra.sweeper.n_trials=2", both, timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    assert [line[1:3] for line in heard(hooked, "trial_ended")][1:] == [["0", "complete"], ["2", "complete"]]
    assert len(set((hooked.folder / "ids").read_text().split())) == 1


def test_the_hook_of_the_docs_works(app: App) -> None:
    """The class and the command stand there as a user copies them."""
    text = (Path(__file__).parents[2] / "docs" / "loggers.md").read_text()
    (script,) = re.findall(r'```python title="hooks.py"\n(.*?)```', text, re.DOTALL)
    (command,) = re.findall(r"^python train.py --multirun (.*Slowest.*)$", text, re.MULTILINE)
    (app.folder / "hooks.py").write_text(script)
    run = app.sweep(*shlex.split(command), timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    lines = [json.loads(line) for line in app.path("slow.jsonl").read_text().splitlines()]
    assert [line["trial"] for line in lines] == [0, 1, 2, 3]
    assert "hydra.sweeper.hooks" not in run.err


WRONG = {
    "no class": (["hydra.sweeper.hooks=[{path: x}]"], "Cannot use hydra.sweeper.hooks[0]: it has no `_target_`"),
    "none there": (
        ["hydra.sweeper.hooks=[{_target_: mine.Nope}]"],
        "Cannot use hydra.sweeper.hooks[0] (Nope): Error loc",
    ),
    "no hook": (
        ["hydra.sweeper.hooks=[{_target_: mine.NoHook}]"],
        "it is no qgtune.Hook. Derive your class from that.",
    ),
    "arguments": (["hydra.sweeper.hooks=[{_target_: mine.Diary, way: x}]"], "unexpected keyword argument 'way'"),
    "cannot be built": (["hydra.sweeper.hooks=[{_target_: mine.Wrong}]"], "RuntimeError('not today')"),
    "a logger's argument": (
        ["hydra/sweeper/logger=csv", "hydra.sweeper.logger.csv.way=x"],
        "unexpected keyword argument",
    ),
    "an address": (["hydra.sweeper.notify=[nope://me:secret@x]"], "Cannot notify nope://***: apprise does not know"),
}


@pytest.mark.parametrize(("overrides", "words"), WRONG.values(), ids=WRONG)
def test_wrong_hooks_are_refused_before_anything_runs(hooked: App, overrides: list[str], words: str) -> None:
    """One clear line, no secret in it, and no trial."""
    run = hooked.sweep(*overrides)
    assert run.code == 1
    assert words in run.err
    assert "Traceback" not in run.out + run.err
    assert "secret" not in run.out + run.err
    assert not hooked.path("study.log").exists()


def test_a_logger_without_its_library_says_what_to_install(hooked: App, tmp_path: Path) -> None:
    """The error comes first, and has the whole command."""
    blocked = "import sys\n\nfor name in ('wandb', 'mlflow'):\n    sys.modules[name] = None\n"
    text = (tmp_path / "train.py").read_text()
    (tmp_path / "train.py").write_text(blocked + text)
    run = hooked.sweep("hydra/sweeper/logger=[wandb,csv,mlflow]")
    assert run.code == 1
    for name in ("wandb", "mlflow"):
        line = f"Cannot use hydra/sweeper/logger={name}: {name} is not installed. Run: pip install 'qgtune[{name}]'"
        assert line in run.err
    assert not hooked.path("study.log").exists()


@pytest.fixture
def inbox() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the address of a server for apprise's JSON messages, and what it gets."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://me:pass-word@127.0.0.1:{server.server_port}/secret-path", got
    server.shutdown()
    server.server_close()


def secrets_in(folder: Path) -> list[str]:
    """Name the files that hold a part of the address."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in files if any(text in path.read_bytes() for text in (b"pass-word", b"secret-path"))]


def test_a_message_comes_at_the_end(hooked: App, inbox: tuple[str, list[dict[str, Any]]]) -> None:
    """It says how it went; no file and no line has the address in it."""
    address, got = inbox
    run = hooked.sweep(f"hydra.sweeper.notify=['{address}']", "hydra.sweeper.report=true", timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    (message,) = got
    assert message["title"] == "train: the sweep ended"
    best = hooked.yaml("optimization_results.yaml")["best_value"]
    assert "4 complete" in message["message"]
    assert f"with value {best:.6g}" in message["message"]
    assert str(hooked.path()) in message["message"]
    assert secrets_in(hooked.path()) == []
    assert not any(text in run.out + run.err for text in ("pass-word", "secret-path"))


def test_a_message_comes_on_failure_only(hooked: App, inbox: tuple[str, list[dict[str, Any]]]) -> None:
    """A sweep whose trials all fail says why; one that ends well says nothing to who asked for failures."""
    address, got = inbox
    notify = f"hydra.sweeper.notify={{urls: ['{address}'], when: failure}}"
    assert hooked.sweep(notify, timeout_s=TIMEOUT_S).code == 0
    assert got == []
    run = hooked.run("--multirun", "hydra.sweep.dir=other", notify, "training.lr=abc", timeout_s=TIMEOUT_S)
    assert run.code == 1
    (message,) = got
    assert message["title"] == "train: the sweep failed"
    assert message["message"].startswith("Cannot go on")
    assert secrets_in(hooked.folder / "other") == []


def test_a_message_that_is_not_delivered_is_a_warning(hooked: App) -> None:
    """The address in it is masked."""
    run = hooked.sweep("hydra.sweeper.notify=['json://me:pass-word@127.0.0.1:9/secret-path']", timeout_s=TIMEOUT_S)
    assert run.code == 0, run.err
    assert "hydra.sweeper.notify failed: OSError: not delivered to all of json://***." in run.err + run.out
    assert not any(text in run.out + run.err for text in ("pass-word", "secret-path"))
