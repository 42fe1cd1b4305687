"""The browser that other tests open pages in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser import Browser

PAGE = "<title>t</title><style>@media (prefers-color-scheme: dark) {body {color: rgb(1, 2, 3)}}</style><body><p>text"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_page_sees_the_window_and_the_scheme(browser: Browser, tmp_path: Path, dark: bool) -> None:  # noqa: FBT001
    """A page is as wide as asked, and knows whether dark colours are preferred."""
    (tmp_path / "page.html").write_text(PAGE)
    with browser.open(tmp_path / "page.html", width=390, dark=dark) as page:
        assert page.evaluate("window.screen.width") == 390
        assert page.evaluate("getComputedStyle(document.body).color === 'rgb(1, 2, 3)'") is dark
        page.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_page_tells_what_it_asked_for_and_what_went_wrong(browser: Browser, tmp_path: Path) -> None:
    """A fetched address and an error are noticed, so that a test can want none of them."""
    (tmp_path / "page.html").write_text(PAGE + "<img src='gone.png'><script>throw new Error('oops')</script>")
    with browser.open(tmp_path / "page.html") as page:
        page.evaluate("1")
        assert any(address.endswith("/gone.png") for address in page.requests)
        assert any("oops" in problem for problem in page.problems)
