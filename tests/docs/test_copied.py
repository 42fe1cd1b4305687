"""What readers copy from the pages does more than run: these are looked at closely."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from qgtune.tune import settings as tune_settings
from tests.conftest import stock_study
from tests.docs.pages import ROOT, blocks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.checkout

GUIDES = ROOT / "docs" / "how-to"
SPACES = GUIDES / "spaces.md"
CHECKPOINTS = ROOT / "docs" / "checkpoints.md"

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
    (block,) = (one.text for one in blocks(SPACES) if one.language == "yaml" and word in one.text)
    assert len(block.splitlines()) < 15
    (tmp_path / "conf" / "optimizer").mkdir(parents=True)
    (tmp_path / "app.py").write_text(FUNCTION.replace("{check}", CHECKS[word]))
    defaults = "defaults: [_self_, {override hydra/sweeper: qgtune}]\n"
    arguments = ["--multirun", "hydra.sweep.dir=sweep"]
    if "@package" in word:
        defaults = "defaults: [{optimizer: adam}, _self_]\n"
        (tmp_path / "conf" / "optimizer" / "adam.yaml").write_text("{name: adam, lr: 0.1}\n")
        (tmp_path / "conf" / "optimizer" / "sgd.yaml").write_text(block)
        (command,) = re.findall(r"`python app.py (--multirun [^`]*optimizer=adam,sgd[^`]*)`", SPACES.read_text())
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
    (script,) = (one.text for one in blocks(CHECKPOINTS) if "checkpoint_dir" in one.text)
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


def test_tuning_keys_of_the_page_exist() -> None:
    """The keys in the script without Hydra are keys of a tuning config."""
    used = set(re.findall(r'tuning_config\["(\w+)"\]', (GUIDES / "without_hydra.md").read_text()))
    assert used
    assert used <= set(tune_settings.KEYS)


def test_a_schema_is_found_from_its_file(tmp_path: Path) -> None:
    """The path in the one comment line leads from the file to where the command above writes the schema."""
    text = (GUIDES / "editors.md").read_text()
    (target,) = re.findall(r"# yaml-language-server: \$schema=(\S+)", text)
    (written,) = re.findall(r"qgtune schema space --output (\S+)", text)
    (file,) = re.findall(r"here for `(\S+)`:", text)
    assert (tmp_path / file).parent.joinpath(target).resolve() == (tmp_path / written).resolve()


NAMED = re.compile(r"\b((?:qgtune|tests|examples|tools|hydra_plugins)/[\w/]+\.(?:py|ipynb|sbatch|sh))\b")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_files_that_a_page_names_exist(page: Path) -> None:
    """A file that has moved is named by its old path otherwise."""
    assert [name for name in NAMED.findall(page.read_text()) if not (ROOT / name).exists()] == []
