"""The reference says what the code says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from qgtune.command.app import VERBS
from tests.docs.pages import ROOT
from tools import reference

if TYPE_CHECKING:
    from tests.conftest import App

pytestmark = pytest.mark.checkout

FILES = (ROOT / "docs" / "reference" / "files.md").read_text()
NOT_KEPT = {".study.log.claim", ".study.log.flock"}  # in docs/journal.md


def test_pages_made_of_the_code_are_up_to_date() -> None:
    """`make reference` writes them again."""
    assert reference.stale() == []


def test_each_verb_is_named() -> None:
    """The page of the command has the help of each, though they are imported only when used."""
    page = (ROOT / "docs" / "reference" / "command.md").read_text()
    assert [verb for verb in VERBS if f"\n## qgtune {verb}\n" not in page] == []


def test_each_attribute_of_a_study_is_named() -> None:
    """Whatever the code calls `qgtune:…` stands in the page."""
    page = (ROOT / "docs" / "reference" / "study.md").read_text()
    sources = [path.read_text() for path in (ROOT / "qgtune").rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"\"(qgtune:[a-z_]+)", text)}
    assert len(used) > 5
    assert {name for name in used if f"`{name}" not in page} == set()


@pytest.mark.slow
def test_each_file_of_a_sweep_is_named(app: App) -> None:
    """What a sweep leaves in its folder stands in the page of files."""
    assert app.sweep("hydra.sweeper.report=true").code == 0
    left = {path.name for path in app.path().iterdir()} | {path.name for path in app.path("0").iterdir()}
    named = set(re.findall(r"`([\w./<>]+)`", FILES))
    assert {name for name in left - NOT_KEPT if not name.isdecimal() and name not in named} == set()
