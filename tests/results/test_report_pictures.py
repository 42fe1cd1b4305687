"""The plots as pictures."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from qgtune.errors import QGTuneError
from qgtune.results.report import write_pictures
from tests.results.studies import study, trial, usual

if TYPE_CHECKING:
    from pathlib import Path

PLOTS = ["optimization_history", "slices", "parallel_coordinates", "intermediate_values", "workers"]


def test_every_plot_is_a_picture(tmp_path: Path) -> None:
    """Each plot of the page is a PNG file of a good size."""
    written = write_pictures(usual(), tmp_path / "png")
    assert [path.stem for path in written] == PLOTS
    for path in written:
        start = path.read_bytes()[:24]
        assert start.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", start[16:])
        assert min(width, height) > 200


def test_objectives_have_pictures_each(tmp_path: Path) -> None:
    """With two objectives there is a front, and the others twice."""
    trials = [trial(n, values=[n, 3.0 - n], params={"lr": 0.1 * (n + 1)}) for n in range(4)]
    written = write_pictures(study(trials, directions=["minimize", "maximize"]), tmp_path)
    names = [path.stem for path in written]
    assert "pareto_front" in names
    assert {"optimization_history_0", "optimization_history_1", "slices_1"} <= set(names)


@pytest.mark.parametrize(
    ("trials", "names"),
    [
        ([], []),
        ([trial(0, TrialState.FAIL)], ["workers"]),
        ([trial(0)], ["optimization_history", "workers"]),
    ],
    ids=["empty", "failed", "no hyperparameters"],
)
def test_what_has_nothing_to_show_is_left_out(tmp_path: Path, trials: list[object], names: list[str]) -> None:
    """A study that has little to show gives few pictures and no error."""
    assert [path.stem for path in write_pictures(study(trials), tmp_path)] == names  # type: ignore[arg-type]


def test_names_that_look_like_formulas_are_drawn(tmp_path: Path) -> None:
    r"""Matplotlib takes `$\x$` for a formula, and would refuse this one."""
    space = {r"$\bad{": FloatDistribution(0, 1), "b$": CategoricalDistribution([r"$\frac$", "<b>"])}
    params = [{r"$\bad{": n / 5, "b$": (r"$\frac$", "<b>")[n % 2]} for n in range(5)]
    written = write_pictures(study([trial(n, params=params[n], space=space) for n in range(5)]), tmp_path)
    assert [path.stem for path in written] == [name for name in PLOTS if name != "intermediate_values"]


def test_the_users_own_figures_are_left_alone(tmp_path: Path) -> None:
    """Drawing changes neither the process's backend nor its settings."""
    before = mpl.get_backend(), dict(mpl.rcParams)
    write_pictures(usual(), tmp_path)
    assert (mpl.get_backend(), dict(mpl.rcParams)) == before
    assert plt.get_fignums() == []


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file in the way ends with one line."""
    (tmp_path / "file").touch()
    with pytest.raises(QGTuneError, match=r"Cannot write pictures to '.*file'"):
        write_pictures(usual(), tmp_path / "file")


def test_a_long_study_gives_pictures_that_can_be_read(tmp_path: Path) -> None:
    """Three hundred trials, pruned ones among them, make no picture higher than two screens."""
    trials = [
        trial(
            n,
            TrialState.PRUNED if n % 3 else TrialState.COMPLETE,
            values=[1.0 + n % 7],
            params={"lr": 0.001 * (n + 1)},
            steps={step: 9.0 / (step + 1) for step in range(1 + n % 5)},
            worker=n % 4,
        )
        for n in range(300)
    ]
    for path in write_pictures(study(trials), tmp_path):
        width, height = struct.unpack(">II", path.read_bytes()[16:24])
        assert height <= 1200
        assert width >= 400
