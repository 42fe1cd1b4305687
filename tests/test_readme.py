"""The README is one screen to a decision; what it shows is tried by `tests/docs`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT, blocks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.checkout

README = ROOT / "README.md"
TEXT = README.read_text()
LINKED = (README, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "RELEASING.md")))


def test_it_is_short() -> None:
    """Install line and a complete program come within the first thirty lines."""
    lines = TEXT.splitlines()
    assert lines.index("## Install") < 12
    assert lines.index("## A whole program") < 30
    assert len(lines) < 115


def test_the_first_example_says_which_way_is_better() -> None:
    """Whoever copies it tunes in the right direction, or sees where to change it."""
    (config,) = (block.text for block in blocks(README) if block.title == "config.yaml")
    (script,) = (block.text for block in blocks(README) if block.title == "app.py")
    assert "direction: minimize" in config
    assert len([line for line in script.splitlines() if line.strip()]) <= 12


@pytest.mark.parametrize("page", LINKED, ids=lambda page: page.name)
def test_its_links_lead_somewhere(page: Path) -> None:
    """The pages of `docs/` are checked by the site's build; these are not part of it."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((docs/[^)#]+#[^)]+)\)", TEXT))))
def test_its_links_to_sections_lead_there(target: str) -> None:
    """As a browser finds them, by the words of the heading."""
    path, anchor = target.split("#")
    headings = re.findall(r"^#+ (.*)", (ROOT / path).read_text(), re.MULTILINE)
    assert anchor in {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
