"""What a sweep ran with, and code that changes meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qgtune.errors import QGTuneError
from qgtune.processes.project import copy as copying
from qgtune.processes.project.code import LoadedCode, project_of
from qgtune.processes.project.copy import CopiedCode, check_copy
from qgtune.results.provenance import file, git, machine
from qgtune.results.provenance.trials import TrialFacts, changed_code
from tests.sweep.test_durable_trials import small

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import App

    MakeApp = Callable[..., App]

BODY = """
number = HydraConfig.get().job.num
import model
Path(f"ran-{number}").write_text(model.NAME + AT_TOP)
if number == 1:
    while not Path("ran-0").exists():
        time.sleep(0.05)
    for name in ("model.py", "top.py"):
        path = Path(name)
        path.write_text(path.read_text().replace("old", "new"))
    Path("changed").touch()
while number == 0 and not Path("changed").exists():
    time.sleep(0.05)
"""
SHARED = ("hydra.sweeper.n_jobs=2", "hydra.sweeper.trials_per_worker=1", "hydra.sweeper.n_trials=4")


def changing(make_app: MakeApp) -> App:
    """Return an app whose trial 1 changes a module that is loaded at once, and one that each trial loads itself."""
    app = small(make_app, BODY)
    (app.folder / "model.py").write_text("NAME = 'old'\n")
    (app.folder / "top.py").write_text("AT_TOP = ' old'\n")
    script = (app.folder / "train.py").read_text()
    (app.folder / "train.py").write_text(script.replace("import qgtune\n", "import qgtune\nfrom top import AT_TOP\n"))
    return app


def ran(app: App) -> list[str]:
    """Return what each trial saw of the two modules."""
    return [(app.folder / f"ran-{number}").read_text() for number in range(4)]


def entry(app: App) -> dict[str, Any]:
    """Return the last entry of the sweep's provenance."""
    found: dict[str, Any] = json.loads(app.path("provenance.json").read_text())["sweeps"][-1]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("method", "names"), [("spawn", ("model.py", "top.py")), ("forkserver", ("model.py",))])
def test_code_that_changes_is_named_with_its_trials(make_app: MakeApp, method: str, names: tuple[str, ...]) -> None:
    """Trials 0 and 1 ran with the old code, whatever the files are when they end; the others with the new one.

    Processes that are forked have what was loaded before, and load the rest themselves.
    """
    app = changing(make_app)
    done = app.sweep(*SHARED, "hydra/launcher=qgtune", f"hydra.launcher.start_method={method}")
    assert done.code == 0, done.err
    late = "new new" if method == "spawn" else "new old"
    assert ran(app) == ["old old", "old old", late, late]
    for name in ("model.py", "top.py"):
        assert (f"The code of {name} changed while the sweep ran: trials 2, 3 had it." in done.out) == (name in names)
        assert done.out.count(f"The code of {name} has changed since the sweep started") == (name in names)
    changed = entry(app)["changed_code"]
    assert [(found["file"], found["trials"]) for found in changed] == [(name, [2, 3]) for name in names]
    facts = [TrialFacts.read(app.path(), number) for number in range(4)]
    codes = [found.code for found in facts if found is not None]
    assert len(codes) == 4
    assert codes[2] == codes[3] != codes[1]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_copy_runs_the_code_that_the_sweep_started_with(make_app: MakeApp, method: str) -> None:
    """All trials have the same: the main script, what it imports and what a trial imports."""
    app = changing(make_app)
    launcher = ("hydra/launcher=qgtune", f"hydra.launcher.start_method={method}")
    done = app.sweep(*SHARED, *launcher, "hydra.sweeper.freeze_code=copy")
    assert done.code == 0, done.err
    assert (app.folder / "model.py").read_text() == "NAME = 'new'\n"
    assert ran(app) == ["old old"] * 4
    assert "has changed since" not in done.out
    found = entry(app)
    assert found["changed_code"] == []
    copy = Path(found["copy"])
    assert copy.parent == app.path(".qgtune", "code")
    assert (copy / "model.py").read_text() == "NAME = 'old'\n"
    codes = {facts.code for number in range(4) if (facts := TrialFacts.read(app.path(), number)) is not None}
    assert len(codes) == 1


@pytest.mark.slow
def test_a_sweep_in_one_process_leaves_what_it_ran_with(make_app: MakeApp) -> None:
    """Command, packages, machine, times; one entry each time that it was started; no password."""
    app = small(make_app, "pass")
    for n_trials in (1, 2):
        done = app.sweep(f"hydra.sweeper.n_trials={n_trials}", "+url=mysql://me:geheim@host/db")
        assert done.code == 0, done.err
    text = app.path("provenance.json").read_text()
    assert "geheim" not in text
    first, second = json.loads(text)["sweeps"]
    assert first["sweep"] != second["sweep"]
    assert first["command"][-1] == "+url=mysql://me:***@host/db"
    assert first["ended"] > first["started"]
    assert first["git"]["commit"] is None
    assert list(first["code"]) == ["train.py"]
    assert {"optuna", "hydra-core"} <= {*first["packages"]}
    facts = TrialFacts.read(app.path(), 1)
    assert facts is not None
    assert (facts.sweep, facts.pid, facts.end, facts.changed) == (second["sweep"], second["pid"], "complete", {})
    assert facts.ended is not None
    assert facts.ended > facts.started


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "the one worker is the sweep's own process", id="in process"),
        pytest.param(["hydra/launcher=joblib"], "JoblibLauncher starts processes in its own way", id="joblib"),
    ],
)
def test_a_copy_is_refused_where_workers_would_not_import_it(
    make_app: MakeApp, arguments: list[str], message: str
) -> None:
    """Before anything runs, with a way out."""
    done = small(make_app, "pass").sweep("hydra.sweeper.freeze_code=copy", *arguments)
    assert done.code == 1
    assert message in done.err
    assert "Take hydra/launcher=qgtune, or hydra.sweeper.freeze_code=warn." in done.err


def repository(folder: Path, files: dict[str, str]) -> Path:
    """Make a git repository with one commit of these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    for command in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "first")):
        subprocess.run(["git", *who, *command], cwd=folder, check=True)
    return folder


def test_git_facts(tmp_path: Path) -> None:
    """The commit, what differs from it, and no password in the difference."""
    folder = repository(tmp_path / "project", {"a.py": "x = 1\n", "b.yaml": "lr: 1\n"})
    (folder / "a.py").write_text("x = 2\n")
    (folder / "b.yaml").write_text("lr: 1\napi_key: geheim\nurl: redis://me:geheim@host\n")
    (folder / "new file.py").touch()
    found = git.git_facts(folder)
    assert len(found["commit"]) == 40
    assert (found["branch"], found["changed"], found["untracked"]) == ("main", ["a.py", "b.yaml"], ["new file.py"])
    assert "+x = 2" in found["diff"]
    assert "+api_key: ***" in found["diff"]
    assert "geheim" not in found["diff"]
    assert found["diff_is_cut"] is False


def test_a_long_difference_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so: it may be of any size."""
    monkeypatch.setattr(git, "MOST_BYTES", 1000)
    folder = repository(tmp_path / "project", {"a.py": ""})
    (folder / "a.py").write_text("x = 1\n" * 100_000)
    found = git.git_facts(folder)
    assert found["diff_is_cut"] is True
    assert len(found["diff"]) == 1000


@pytest.mark.parametrize("has_git", [True, False], ids=["no repository", "no git"])
def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_git: bool) -> None:
    """Null, not a guess."""
    if not has_git:
        monkeypatch.setenv("PATH", str(tmp_path))
    assert set(git.git_facts(tmp_path).values()) == {None}


def test_the_machine() -> None:
    """What each has, under its name."""
    assert machine.packages()["pytest"] == pytest.__version__
    assert machine.hardware()["n_cores"] >= 1
    assert machine.python()["executable"] == sys.executable


def test_two_sweeps_of_a_folder_keep_an_entry_each(tmp_path: Path) -> None:
    """In the order in which they started; each may be written again."""
    for sweep, started in (("b", "2"), ("a/1", "1"), ("b", "3")):
        file.write(tmp_path, sweep, {"started": started})
    assert json.loads((tmp_path / file.FILE).read_text()) == {"sweeps": [{"started": "1"}, {"started": "3"}]}


def test_changes_are_gathered_by_what_the_code_was(tmp_path: Path) -> None:
    """A file may change twice; the trials of an earlier run are not this one's."""
    for number, (sweep, changed) in enumerate(
        [("s", {}), ("s", {"a": "1"}), ("s", {"a": "2"}), ("before", {"a": "1"})]
    ):
        TrialFacts(sweep, "", "", 1, changed=changed).write(tmp_path, number)
    found = changed_code(tmp_path, "s", range(9))
    assert found == [{"file": "a", "digest": "1", "trials": [1]}, {"file": "a", "digest": "2", "trials": [2]}]


def test_the_project_is_the_repository_of_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code lies in `src` as often as beside the script; a home folder in git is no project."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / ".git").mkdir()
    script = tmp_path / "project" / "scripts" / "train.py"
    assert project_of(script, tmp_path) == script.parent
    (tmp_path / "project" / ".git").mkdir(parents=True)
    assert project_of(script, tmp_path) == tmp_path / "project"
    assert project_of(None, script.parent) == tmp_path / "project"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the file of a module that can be imported as `a_module_of_the_tests`, and is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "a_module_of_the_tests", raising=False)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    path = tmp_path / "a_module_of_the_tests.py"
    path.write_text("x = 1\n")
    yield path
    sys.modules.pop("a_module_of_the_tests", None)


def test_a_loaded_file_is_read_once(module: Path) -> None:
    """A process keeps what it has loaded, whatever becomes of the file."""
    loaded = LoadedCode(module.parent)
    assert loaded.digests() == {}
    __import__(module.stem)
    before = loaded.digests()
    assert list(before) == [module.name]
    module.write_text("x = 2\n")
    assert loaded.digests() == before
    assert LoadedCode(module.parent).digests() != before


def test_a_file_that_changed_after_its_import_is_not_taken_for_what_was_loaded(module: Path) -> None:
    """Nobody can say what it was, but the change came later."""
    loaded = LoadedCode.followed(module.parent)
    __import__(module.stem)
    later = time.time() + 10
    os.utime(module, (later, later))
    assert loaded.digests() == {module.name: ""}


def test_a_copy_has_what_git_does_not_ignore(tmp_path: Path) -> None:
    """Tracked files of any kind, Python files that are new; neither data nor the results of sweeps."""
    files = {"a.py": "", "pkg/b.py": "", "pkg/data.json": "{}", ".gitignore": "ignored/\n"}
    folder = repository(tmp_path / "project", files)
    for name in ("new.py", "new.csv", "ignored/c.py", "runs/multirun.yaml", "runs/0/code.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    made = CopiedCode.make(folder, folder / "runs")
    assert made.copy.parent == folder / "runs" / ".qgtune" / "code"
    copied = sorted(str(path.relative_to(made.copy)) for path in made.copy.rglob("*") if path.is_file())
    assert copied == [".gitignore", "a.py", "new.py", "pkg/b.py", "pkg/data.json"]
    assert CopiedCode.make(folder, folder / "runs") == made
    assert len(list(made.copy.parent.iterdir())) == 1


def test_a_copy_without_git_has_what_lies_beside_python_files(tmp_path: Path) -> None:
    """But for virtual environments, hidden folders and results."""
    names = (
        "a.py",
        "a.json",
        "data/big.bin",
        "pkg/b.py",
        ".hidden/c.py",
        "env/pyvenv.cfg",
        "env/d.py",
        "out/.hydra/e.py",
    )
    for name in names:
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).touch()
    assert [str(path) for path in check_copy(tmp_path / "project")] == ["a.json", "a.py", "pkg/b.py"]


def test_a_project_that_is_too_large_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would fill the disk of each sweep."""
    monkeypatch.setattr(copying, "MOST_BYTES", 1 << 20)
    repository(tmp_path, {"a.py": "", "weights.bin": "x" * (2 << 20)})
    with pytest.raises(QGTuneError, match=r"it has 2 files of 2 MiB, and no more than 20000 of 1 MiB are copied"):
        check_copy(tmp_path)


def test_a_module_that_would_not_come_from_the_copy_is_named(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An editable installation may find it by a hook, which leads to the original."""
    __import__(module.stem)
    check_copy(module.parent)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry != str(module.parent)])
    with pytest.raises(QGTuneError, match="module a_module_of_the_tests is not imported"):
        check_copy(module.parent)


def test_processes_are_led_to_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is of the project, and nothing else; afterwards all is as it was."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    installed = str(project / ".venv" / "lib" / "site-packages")
    path = [str(project), str(project / "src"), installed, "/elsewhere"]
    monkeypatch.setattr(sys, "path", list(path))
    copied = CopiedCode(project.resolve(), tmp_path / "copy")
    with copied.imported():
        assert sys.path == [str(tmp_path / "copy"), str(tmp_path / "copy" / "src"), installed, "/elsewhere"]
    assert sys.path == path
