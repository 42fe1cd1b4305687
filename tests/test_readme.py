"""What the README shows is true: its commands run, its project works, its table is complete."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qgtune.processes.slots import LAUNCHER
from qgtune.sweep.settings import KEYS as SWEEPER
from qgtune.tune import settings as tune_settings
from tests.conftest import stock_study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qgtune.keys import Key

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """Return the code blocks of a language, without their indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python ")]


@pytest.mark.slow
@pytest.mark.examples
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.removeprefix("python examples/")[:60])
def test_commands_run(command: str, tmp_path: Path) -> None:
    """Every command of the README runs as it stands, in a folder with the example's files."""
    for name in ("examples", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    arguments = shlex.split(command.replace("python", shlex.quote(sys.executable), 1))
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_project_of_the_readme_works(tmp_path: Path) -> None:
    """The config and the script of the four steps tune as they stand, with two workers."""
    (config,) = (block for block in blocks("yaml") if "override hydra/sweeper" in block)
    (script,) = (block for block in blocks("python") if "for step in range" in block)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(config)
    (tmp_path / "app.py").write_text(script)
    for arguments in ([], ["--multirun", "hydra.sweeper.n_jobs=2", "hydra.sweep.dir=sweep"]):
        command = [sys.executable, "app.py", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    assert len(stock_study(tmp_path / "sweep" / "study.log").trials) == 6


FUNCTION = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print(config)
    {check}
    return 0.0


if __name__ == "__main__":
    main()
"""
CHECKS = {
    "nesterov": "o = config.optimizer; assert (o.name == 'sgd') == ('nesterov' in o) != ('eps' in o)",
    "layers[-1].out_dim": "assert config.head.in_dim == config.layers[-1].out_dim and config.layers[0].in_dim == 8",
    "@package _global_": "assert (config.optimizer.name == 'sgd') == ('momentum' in config.optimizer)",
}


@pytest.mark.slow
@pytest.mark.parametrize("word", CHECKS)
def test_a_space_to_copy_works(tmp_path: Path, word: str) -> None:
    """Each of the three, in an app of its own; none is longer than fifteen lines."""
    (block,) = (block for block in blocks("yaml") if word in block and "@package hydra" not in block)
    assert len(block.splitlines()) < 15
    (tmp_path / "conf" / "optimizer").mkdir(parents=True)
    (tmp_path / "app.py").write_text(FUNCTION.replace("{check}", CHECKS[word]))
    defaults = "defaults: [_self_, {override hydra/sweeper: qgtune}]\n"
    arguments = ["--multirun", "hydra.sweep.dir=sweep"]
    if "@package" in word:
        defaults = "defaults: [{optimizer: adam}, _self_]\n"
        (tmp_path / "conf" / "optimizer" / "adam.yaml").write_text("{name: adam, lr: 0.1}\n")
        (tmp_path / "conf" / "optimizer" / "sgd.yaml").write_text(block)
        (command,) = re.findall(r"`python app.py (--multirun [^`]*optimizer=adam,sgd[^`]*)`", TEXT)
        arguments, block = [*shlex.split(command), "hydra.sweep.dir=sweep"], ""
    (tmp_path / "conf" / "config.yaml").write_text(defaults + block)
    line = [sys.executable, "app.py", *arguments, "hydra.sweeper.n_trials=8", "hydra.sweeper.seed=0"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    trials = stock_study(tmp_path / "sweep" / "study.log").trials
    assert {trial.state.name for trial in trials} == {"COMPLETE"}
    assert len({frozenset(trial.params) for trial in trials}) > 1


@pytest.mark.slow
def test_the_function_with_a_checkpoint_goes_on(tmp_path: Path) -> None:
    """Killed once in its midst, it ends with the value of a run that was not."""
    (script,) = (block for block in blocks("python") if "checkpoint_dir" in block)
    assert "        qgtune.report(loss, epoch)\n" in script
    kill = "        if epoch == 7 and start == 0:\n            os.kill(os.getpid(), 9)\n"
    script = script.replace("        qgtune.report(loss, epoch)\n", f"        qgtune.report(loss, epoch)\n{kill}")
    (tmp_path / "conf").mkdir()
    (tmp_path / "app.py").write_text(f"import os\n{script}")
    (tmp_path / "conf" / "config.yaml").write_text("defaults: [_self_, {override hydra/sweeper: qgtune}]\nlr: 0.1\n")
    line = [
        sys.executable,
        "app.py",
        "--multirun",
        "hydra.sweep.dir=sweep",
        "hydra.sweeper.n_jobs=2",
        "lr=interval(0,1)",
    ]
    line += ["hydra.sweeper.n_trials=1", "hydra.sweeper.report=false"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    first, again = stock_study(tmp_path / "sweep" / "study.log").trials
    assert list(first.intermediate_values) == list(range(8))
    assert list(again.intermediate_values) == list(range(20))
    total = 0.0
    for _ in range(20):
        total += again.params["lr"]
    assert again.value == total


@pytest.mark.parametrize("keys", [SWEEPER, LAUNCHER], ids=["sweeper", "launcher"])
def test_the_tables_are_those_of_the_keys(keys: Mapping[str, Key]) -> None:
    """A key's default and meaning are written where it is read; its row in the README is made of them."""
    table = "\n".join(f"| `{name}` | {key.default_text} | {key.meaning} |" for name, key in keys.items())
    assert f"| key | default | meaning |\n|---|---|---|\n{table}\n" in TEXT, table


def test_the_yaml_of_the_readme_is_the_examples() -> None:
    """The space and the mapping that the README shows are those of the example."""
    from qgtune.space.reading.yaml_files import load_yaml

    for name in ("search_space", "dependencies"):
        (shown,) = (block for block in blocks("yaml") if f"@package hydra.sweeper.{name}" in block)
        assert load_yaml(shown, "README") == load_yaml((ROOT / "conf" / name / "mlp.yaml").read_text(), name)


def test_tuning_keys_that_the_readme_uses_exist() -> None:
    """The keys in the plain-Python section are keys of a tuning config."""
    used = set(re.findall(r'tuning_config\["(\w+)"\]', TEXT))
    assert used
    assert used <= set(tune_settings.KEYS)


@pytest.mark.slow
@pytest.mark.examples
def test_the_commands_on_a_sweep_run(tmp_path: Path) -> None:
    """What the README does with a sweep's folder works, in its order, on the sweep that it starts for that."""
    for name in ("examples", "conf"):
        (tmp_path / name).symlink_to(ROOT / name)
    lines = [
        line
        for block in blocks("sh")
        if "qgtune show" in block or "qgtune schema" in block
        for line in block.splitlines()
    ]
    assert len(lines) > 5
    for line in lines:
        program, *arguments = shlex.split(line)
        start = [sys.executable, "-m", "qgtune"] if program == "qgtune" else [sys.executable]
        done = subprocess.run(
            [*start, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert len(stock_study(tmp_path / "sweep" / "study.log").trials) == 6


def test_the_table_names_every_verb() -> None:
    """Every verb of the command stands in the README, and no other."""
    from qgtune.command.app import VERBS

    assert set(re.findall(r"^\| `qgtune (\w+) ", TEXT, re.MULTILINE)) == set(VERBS)


def test_the_schema_of_the_readme_is_found_from_its_file(tmp_path: Path) -> None:
    """The path in the one comment line leads from the file to where the command above writes the schema."""
    (target,) = re.findall(r"# yaml-language-server: \$schema=(\S+)", TEXT)
    (written,) = re.findall(r"qgtune schema space --output (\S+)", TEXT)
    (file,) = re.findall(r"here for `(\S+)`:", TEXT)
    assert (tmp_path / file).parent.joinpath(target).resolve() == (tmp_path / written).resolve()
