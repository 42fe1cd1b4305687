"""What a release says of itself agrees."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import qgtune

pytestmark = pytest.mark.checkout

ROOT = Path(__file__).parents[1]


def test_the_version_is_the_same_everywhere() -> None:
    """The package, the citation and the changelog's newest release name one."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    released = re.findall(r"^## (\d\S+)(?:, |$)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert str(citation["version"]) == qgtune.__version__ == released[0]


def test_the_command_says_its_version() -> None:
    """`qgtune --version` is the first thing that a report of a bug needs."""
    done = subprocess.run(
        [sys.executable, "-m", "qgtune", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"qgtune {qgtune.__version__}\n"


def test_the_changelog_has_a_section_for_each_version() -> None:
    """Newest first; at most one is not released."""
    titles = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert all(title == "Unreleased" or re.fullmatch(r"\d+\.\d+\.\d+(, \d{4}-\d\d-\d\d)?", title) for title in titles)
    assert titles.count("Unreleased") <= 1
    assert titles.index("Unreleased") == 0 if "Unreleased" in titles else True


def test_classifiers_name_what_ci_runs() -> None:
    """Each Python of `requires-python` up to the newest that is tried."""
    from tests.matrix import ROWS

    text = (ROOT / "pyproject.toml").read_text()
    assert {row.python for row in ROWS} <= set(re.findall(r"Python :: (3\.\d+)", text))
