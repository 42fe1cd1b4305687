"""What holds on every release of Hydra that the package claims: no warning of ours, and the app's own limits."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import hydra
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.matrix]
IS_14 = not hydra.__version__.startswith("1.3")
needs_14 = pytest.mark.skipif(not IS_14, reason="needs Hydra 1.4")

APP = """
import hydra
from hydra.utils import instantiate

@hydra.main({arguments})
def main(cfg):
    try:
        print("target built", instantiate({{"_target_": "pathlib.PurePath"}}))
    except Exception:
        print("target guarded")
    return cfg.x

if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults: [_self_, {override hydra/sweeper: qgtune}]
x: 1
y: 0
hydra:
  sweeper: {report: false, search_space: {x: [1, 2]}, dependencies: {y: x}}
"""
OURS = "qgtune.sweep.hydra.callback.Dependencies"


def run(folder: Path, arguments: str, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Run an app whose `@hydra.main` has these arguments; warnings end it."""
    (folder / "conf").mkdir()
    (folder / "conf" / "config.yaml").write_text(CONFIG)
    base = "" if IS_14 else ', version_base="1.3"'
    (folder / "app.py").write_text(APP.format(arguments=f'config_path="conf", config_name="config"{base}{arguments}'))
    command = [sys.executable, "-W", "error", "app.py", *overrides]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


SWEEPS = {
    "plain run": (),
    "in process": ("-m", "hydra.sweeper.n_trials=2"),
    "processes": ("-m", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2"),
}


@pytest.mark.parametrize("overrides", SWEEPS.values(), ids=SWEEPS)
def test_no_warning_is_ours(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    """An app whose warnings are errors runs and is tuned."""
    allows = ', execution_whitelist=["pathlib.*", "' + OURS + '"]' if IS_14 else ""
    done = run(tmp_path, allows, *overrides)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert "target built ." in done.stdout


@needs_14
@pytest.mark.parametrize("overrides", SWEEPS.values(), ids=SWEEPS)
def test_the_apps_list_of_targets_holds_in_every_worker(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    """What `@hydra.main(execution_whitelist=…)` does not allow is refused wherever a trial runs."""
    done = run(tmp_path, f', execution_whitelist=["{OURS}"]', *overrides)
    assert done.returncode == 0, done.stderr
    assert "target built" not in done.stdout
    assert done.stdout.count("target guarded") == (2 if overrides else 1)


@needs_14
@pytest.mark.parametrize("overrides", SWEEPS.values(), ids=SWEEPS)
def test_an_app_without_a_list_hears_of_its_own_targets_only(tmp_path: Path, overrides: tuple[str, ...]) -> None:
    """Hydra warns of what the app builds, not of our callback; as errors, those warnings end what the app builds."""
    done = run(tmp_path, "", *overrides)
    assert done.returncode == 0, done.stderr
    assert OURS not in done.stderr
    assert done.stdout.count("target guarded") == (2 if overrides else 1)
