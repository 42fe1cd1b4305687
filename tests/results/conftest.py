"""Reports, written and opened in a browser."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from qgtune.results.report import Facts, write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import optuna

    from tests.browser import Browser, Page


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Callable[..., Any]:
    """Return what writes a study's report and opens it with every plot drawn."""

    @contextmanager
    def show(made: optuna.Study, facts: Facts | None = None, **window: Any) -> Iterator[Page]:
        write_report(made, tmp_path / "report.html", facts=facts)
        with browser.open(tmp_path / "report.html", **window) as page:
            page.evaluate("window.drawAll().then(() => true)")  # what is out of sight, too
            yield page
            assert page.problems == []

    return show
