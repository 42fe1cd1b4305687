"""`qgtune report`: the page of a study, by the command."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tests.studies import make_sweep, mixed_trials

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.command.conftest import Command


def test_the_page_is_written_and_named(qgtune: Command, tmp_path: Path) -> None:
    """It lands in the sweep folder, or where it is told to, and holds the study."""
    make_sweep(tmp_path / "sweep", mixed_trials())
    done = qgtune("report", "sweep")
    assert (done.code, done.out) == (0, "sweep/report.html\n")
    assert "train" in (tmp_path / "sweep" / "report.html").read_text()
    assert qgtune("report", "sweep/study.log", "--output", "page.html").out == "page.html\n"
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_the_pictures_that_it_drew_are_named(qgtune: Command, tmp_path: Path) -> None:
    """Others of the folder are none of its own."""
    make_sweep(tmp_path / "sweep", mixed_trials())
    (tmp_path / "png").mkdir()
    (tmp_path / "png" / "holiday.png").touch()
    done = qgtune("report", "sweep", "--png", "png", "--json")
    pictures = json.loads(done.out)["pictures"]
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("png/*.png")}
    assert len(pictures) > 1
    assert set(pictures) == there - {"png/holiday.png"}


def test_without_plotly_it_says_how_to_install_it(
    qgtune: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the command."""
    make_sweep(tmp_path / "sweep", mixed_trials())
    monkeypatch.setitem(sys.modules, "plotly", None)
    done = qgtune("report", "sweep")
    assert done.code == 1
    assert "pip install 'qgtune[report]'" in done.err
    assert done.err.count("\n") == 1
