"""What a sweep says where users go wrong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from qgtune.progress.wording import log_line
from qgtune.study.status import Status
from tests.sweep.test_durable_trials import small

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import App

    MakeApp = Callable[..., App]

GROUPS = {
    "conf__optimizer__sgd": "momentum: 0.9\n",
    "conf__optimizer__adam": "betas: [0.9, 0.99]\n",
}


@pytest.mark.slow
def test_an_unguarded_script_is_named_first(make_app: MakeApp) -> None:
    """Workers import the script: one that starts its function whenever it is imported is refused before anything."""
    app = small(make_app, "pass")
    script = (app.folder / "train.py").read_text()
    (app.folder / "train.py").write_text(script.replace('if __name__ == "__main__":\n    main()', "main()"))
    run = app.sweep("hydra.sweeper.n_jobs=2")
    assert run.code == 1
    assert (
        'would start all over in each of them. Put the call of its function at the end below:  if __name__ == "__ma'
        in run.err
    )
    assert not app.path().exists()
    assert app.sweep().code == 0  # one worker needs no guard


@pytest.mark.slow
def test_a_resolver_that_workers_lack_is_named(make_app: MakeApp) -> None:
    """One that is registered below the guard exists in the first process only."""
    app = small(make_app, "cfg.twice", more="twice: ${twice:${lr}}")
    script = (app.folder / "train.py").read_text()
    register = '    from omegaconf import OmegaConf\n    OmegaConf.register_new_resolver("twice", lambda x: 2 * x)\n'
    (app.folder / "train.py").write_text(script.replace('"__main__":\n', f'"__main__":\n{register}'))
    assert app.sweep("hydra.sweep.dir=alone").code == 0
    run = app.sweep("hydra.sweeper.n_jobs=2")
    assert run.code == 1
    assert "Unsupported interpolation type twice" in run.err
    assert "has the resolvers that are registered when your script is imported" in run.err


@pytest.mark.slow
def test_the_end_names_the_log_of_a_failure(make_app: MakeApp) -> None:
    """Whoever wants the traceback is told where it is."""
    app = small(make_app, "raise LookupError('gone')")
    run = app.sweep()
    assert run.code == 1
    assert "failed: LookupError: gone. Its traceback is in sweep/2/train.log." in run.err
    assert "LookupError: gone" in app.path("2", "train.log").read_text()


@pytest.mark.slow
def test_folders_have_no_stray_quotes(make_app: MakeApp) -> None:
    """A text that the grammar wants in quotes names its folder without them."""
    app = small(make_app, "pass")
    run = app.sweep("hydra.sweep.subdir=${hydra.job.override_dirname}", "+name='a.b','c.d'")
    assert run.code == 0, run.err
    folders = [path.name for path in app.path().iterdir() if path.is_dir() and path.name != ".qgtune"]
    assert folders
    assert not [name for name in folders if "'" in name]
    assert any("name=a.b" in name or "name=c.d" in name for name in folders)


@pytest.mark.slow
def test_a_path_that_one_option_lacks(make_app: MakeApp) -> None:
    """A range of the command line is live under the options that have its path, and refused where none has it."""
    app = make_app("pass", CONFIG, **GROUPS)
    run = app.sweep("optimizer=sgd,adam", "optimizer.momentum=interval(0,0.99)", "hydra.sweeper.n_trials=6")
    assert run.code == 0, run.err
    assert {
        ("optimizer.momentum" in trial.params) == (trial.params["optimizer"] == "sgd") for trial in app.trials()
    } == {True}
    assert {trial.params["optimizer"] for trial in app.trials()} == {"sgd", "adam"}
    run = app.sweep("optimizer=sgd,adam", "optimizer.moment=interval(0,0.99)")
    assert run.code == 1
    assert "Cannot use optimizer.moment of the command line: no option of optimizer has such a path." in run.err


CONFIG = """
defaults: [{optimizer: sgd}, _self_, {override hydra/sweeper: qgtune}]
model: {layers: [{in_dim: 1, out_dim: 1}, {in_dim: 1, out_dim: 1}]}
training: {lr: 0.1}
hydra: {sweeper: {n_trials: 2, seed: 1, report: false}}
"""


def test_no_time_left_while_stopping() -> None:
    """After Ctrl-C there is no telling, and nothing to wait for."""
    assert log_line(Status(10, 2, left_s=60.0, stopping_s=1.0)).endswith(", stopping")


@pytest.mark.slow
def test_tags_in_hydras_own_files_name_the_way_out(make_app: MakeApp) -> None:
    """One line with the file, the line and the command; who reads such tags itself goes on doing so."""
    app = small(make_app, "pass", more="tagged: !sweep {values: [1, 2]}")
    run = app.sweep()
    assert run.code == 1
    assert re.search(r"Cannot read .*config\.yaml, line \d+: .* no tags such as !sweep\. Run: qgtune convert ", run.err)
    assert "Traceback" not in run.err
    script = (app.folder / "train.py").read_text()
    own = "import yaml\nyaml.SafeLoader.add_constructor('!sweep', lambda loader, node: 7)\n"
    (app.folder / "train.py").write_text(own + script)
    assert app.run().code == 0
