"""`qgtune workers` beside a sweep of another host."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from qgtune.command.app import run
from qgtune.results.source import open_source
from qgtune.results.sweeps import session_beside
from qgtune.study.attempts.owner import Owner
from qgtune.study.fixed_settings import SWEEPS
from tests.studies import make_sweep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("is_old", [False, True])
def test_a_sweep_without_a_sign_of_life_has_no_workers(
    *, is_old: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its process cannot be looked at from here, but what it leaves beside the study can."""
    folder = make_sweep(tmp_path / "sweep")
    far = replace(Owner.current(), place="far")
    study = open_source(str(folder), None).study
    study.set_user_attr(SWEEPS, {far.name: {"owner": far.to_attribute(), "workers": {"n_workers": 3}}})
    beats = session_beside(study).heartbeats
    assert beats is not None
    beats.beat(far)
    if is_old:
        (file,) = (tmp_path / "sweep" / ".study.log.alive").glob("far*")
        os.utime(file, (1.0, 1.0))
    code = run(["workers", str(folder)])
    said = capsys.readouterr()
    assert (code != 0) == is_old
    assert ("no sweep runs on the study" if is_old else "3 workers: process ") in said.out + said.err
