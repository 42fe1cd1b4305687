"""The command as a whole: its help, its errors, its exit codes."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

import qgtune as package
from qgtune.command.app import VERBS, app
from tests.command.conftest import COMMAND
from tests.studies import make_studies, make_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command.conftest import Command


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]], ids=" ".join)
def test_help_lists_the_verbs(qgtune: Command, arguments: list[str]) -> None:
    """Without a verb, the command says which there are."""
    done = qgtune(*arguments)
    assert (done.code, done.err) == (0, "")
    assert all(f"\n  {verb} " in done.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help(qgtune: Command, verb: str) -> None:
    """Each verb says how it is used, with an example, in lines that fit a terminal of 80 columns."""
    done = qgtune(verb, "--help")
    assert (done.code, done.err) == (0, "")
    assert f"Usage: qgtune {verb} " in done.out
    assert f"\n  qgtune {verb}" in done.out
    assert all(len(line) <= 90 for line in done.out.splitlines())


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_where_the_table_says(verb: str) -> None:
    """The help of all of them is a table, so that it imports none."""
    command = app.get_command(click.Context(app), verb)
    assert command is not None
    assert command.name == verb
    assert len(VERBS[verb][1]) < 60


def test_version(qgtune: Command) -> None:
    """The version is the package's."""
    assert qgtune("--version").out == f"qgtune {package.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["shwo"], "No such command 'shwo'", id="no such verb"),
        pytest.param(["clean"], "Missing argument 'SOURCE'", id="no source"),
        pytest.param(["show", "x", "--state", "fail"], "'fail' is not one of 'complete', 'pruned'", id="no such state"),
        pytest.param(["show", "x", "--limit", "0"], "0 is not in the range x>=1", id="no rows"),
        pytest.param(["best", "x", "--csv"], "No such option", id="no such option"),
        pytest.param(["check"], "Nothing to check", id="no file"),
        pytest.param(["schema", "base"], "'base' is not one of", id="no such schema"),
        pytest.param(["resume", ".", "n_trials"], "'n_trials' is no override", id="no override"),
        pytest.param(["dashboard", "x", "--port", "99999"], "99999 is not in the range", id="no such port"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(qgtune: Command, arguments: list[str], message: str) -> None:
    """Wrong usage says what is wrong and where help is."""
    done = qgtune(*arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1
    assert "--help." in done.err
    assert done.out == ""


@pytest.mark.parametrize("verb", ["show", "best", "report", "dashboard"])
def test_a_mistake_is_one_line_and_code_1(qgtune: Command, tmp_path: Path, verb: str) -> None:
    """A study that is not there gets the nearest name, without a traceback."""
    make_studies(tmp_path / "study.log", "train", "other")
    done = qgtune(verb, "study.log", "--study", "trian")
    assert done.code == 1
    assert (
        done.err
        == "Cannot open study 'trian' of 'study.log': there is no such study. Did you mean 'train'?\n".replace(
            "'study.log'", repr(str(tmp_path / "study.log"))
        )
    )
    assert done.out == ""


@pytest.mark.slow
def test_a_pipe_that_closes_early_is_no_error(tmp_path: Path) -> None:
    """`qgtune show … | head` ends quietly."""
    folder = make_sweep(tmp_path / "sweep")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "show", str(folder)], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, timeout=60
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_package_does_not_import_the_command() -> None:
    """Apps that import qgtune pay nothing for the command, and its help nothing for Optuna and Hydra."""
    code = (
        "import sys, qgtune; assert 'click' not in sys.modules\n"
        "from qgtune.command.app import run; run(['--help']); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    modules = set(done.stdout.split())
    assert "click" in modules
    assert not modules & {"optuna", "hydra", "omegaconf", "rich", "numpy", "torch", "plotly", "optuna_dashboard"}


def test_the_entry_point() -> None:
    """Installing the package installs the command."""
    (entry,) = (point for point in importlib.metadata.entry_points(group="console_scripts") if point.name == "qgtune")
    assert entry.value == "qgtune.command:main"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(qgtune: Command, shell: str) -> None:
    """Each shell gets a script of its own that asks the command."""
    done = qgtune("completion", shell)
    assert done.code == 0
    assert f"_QGTUNE_COMPLETE={shell}_complete" in done.out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param("qgtune ", set(VERBS), id="verbs"),
        pytest.param("qgtune sh", {"show"}, id="the rest of a verb"),
        pytest.param("qgtune schema ", {"space", "dependencies", "tuning", "show"}, id="an argument"),
        pytest.param("qgtune show x --so", {"--sort"}, id="an option"),
    ],
)
def test_completion_names_what_fits(words: str, expected: set[str]) -> None:
    """What the shell's script asks the command answers."""
    environment = {
        **os.environ,
        "_QGTUNE_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert {line.split(",")[1] for line in done.stdout.splitlines()} >= expected


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_the_script(qgtune: Command) -> None:
    """The script runs, and leaves bash with a completion."""
    script = qgtune("completion", "bash").out
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\ncomplete -p qgtune"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "complete -o nosort -F _qgtune_completion qgtune" in done.stdout
