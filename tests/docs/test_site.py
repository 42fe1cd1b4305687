"""The documentation as a site: it builds without a warning, its links lead somewhere, and it needs no network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser import Browser

pytestmark = [pytest.mark.checkout, pytest.mark.slow]

FIELD = "document.querySelector('.md-search__input')"
FETCHED = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"?(https?:[^\s\">]+)|<link[^>]*\shref=\"?(https?:[^\s\">]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site; a warning, such as a dead link or anchor, ends it."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_is_in_the_site(site: Path) -> None:
    """Also one that the navigation does not name: it is put at the end of the guides."""
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert {page for page in pages if not (site / page).exists()} == set()
    index = (site / "index.html").read_text()
    assert {str(page) for page in pages if f'href="{page}"' not in index} <= {"index.html"}


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """Fonts, scripts and pictures lie in the site itself."""
    fetched = {found for page in site.rglob("*.html") for found in FETCHED.findall(page.read_text())}
    assert fetched == set()


def test_it_opens_from_its_folder(site: Path, browser: Browser) -> None:
    """Without a server, without an error in the console, with its picture."""
    with browser.open(site / "index.html") as page:
        assert page.evaluate("document.querySelector('article img').naturalWidth > 0")
        assert [address for address in page.requests if not address.startswith(("file:", "data:", "blob:"))] == []


def test_its_search_works_from_its_folder(site: Path, browser: Browser) -> None:
    """A word that stands in one page finds that page."""
    with browser.open(site / "how-to" / "slurm.html") as page:
        page.evaluate(f"{FIELD}.focus()")
        page.call("Input.insertText", text="asynchronous")
        page.evaluate(f"{FIELD}.dispatchEvent(new KeyboardEvent('keyup', {{key: 's', bubbles: true}}))")
        page.wait_for(
            "[...document.querySelectorAll('.md-search-result__link')].some(a => a.href.includes('checkpoints'))"
        )
