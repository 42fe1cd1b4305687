"""Every page is tried from top to bottom, as `pages.py` says."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from qgtune.space.reading.yaml_files import load_yaml
from tests.docs.pages import NOT_RUN, PAGES, ROOT, Block, before, blocks, shown

pytestmark = pytest.mark.checkout

STANDIN = Path(__file__).parent / "standin"
BLOCKS = [block for page in PAGES for block in blocks(page)]
# A whole list, so that a block is left out by decision: the reason that its title gives, and how many there are.
LEFT_OUT = {
    "needs Slurm": 3,
    "needs a Ray cluster": 3,
    "needs several machines": 2,
    "needs GPUs": 1,
    "needs an account of W&B": 1,
    "a part of a script": 5,
    "a part of a config": 1,
}
SPACES = {ROOT / "docs" / "search_space.md"}  # its examples are tried by tests/space/test_docs.py
STARTED = ("sh", "console", "python")
SETS_UP = re.compile(r"^(?:pip |make |python -m venv |\. ).*$", re.MULTILINE)
TRIED = [page for page in PAGES if any(b.is_run and not b.title and b.language in STARTED for b in blocks(page))]


def name(page: Path) -> str:
    """Return a page's path in the repository."""
    return str(page.relative_to(ROOT))


class Folder:
    """A page's folder.

    Args:
        path: it.
        page: the page.
    """

    def __init__(self, path: Path, page: Path) -> None:
        self.path = path
        own = blocks(page)
        (path / "examples").symlink_to(ROOT / "examples")
        commands = (*before(page), *(block.text for block in own))
        if not any(block.title == "train.py" for block in own) and any("python train.py" in text for text in commands):
            shutil.copytree(STANDIN, path, dirs_exist_ok=True)
        elif not any(block.title.startswith("conf/") for block in own):
            (path / "conf").symlink_to(ROOT / "conf")
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run(self, script: str, place: str) -> str:
        """Run a script of bash; return all that it printed."""
        done = subprocess.run(
            ["bash", "-ec", SETS_UP.sub("", script)],
            cwd=self.path,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=250,
        )
        assert done.returncode == 0, f"{place}: {script}\n{done.stdout}"
        assert "Traceback" not in done.stdout, done.stdout
        return done.stdout

    def try_out(self, block: Block) -> None:
        """Write, run or read a block."""
        place = f"{name(block.page)}:{block.line}"
        if block.title:
            target = self.path / block.title
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.language == "sh":
            self.run(block.text, place)
        elif block.language == "console":
            for one in shown(block):
                missing = one.missing(self.run(one.command, place))
                assert missing == [], f"{place}: {one.command} does not print {missing}"
        elif block.language == "python":
            (self.path / "snippet.py").write_text(block.text)
            self.run("python snippet.py", place)


@pytest.mark.slow
@pytest.mark.examples
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", TRIED, ids=name)
def test_a_page_works_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """What a reader types, in the order of the page, does what the page says."""
    folder = Folder(tmp_path, page)
    for command in before(page):
        folder.run(command, name(page))
    for block in blocks(page):
        if block.is_run:
            folder.try_out(block)


@pytest.mark.parametrize("page", [page for page in PAGES if page not in SPACES], ids=name)
def test_yaml_that_is_no_file_is_yaml(page: Path) -> None:
    """A part of a config that a page shows can be read."""
    for block in blocks(page):
        if block.language == "yaml" and not (block.is_run and block.title):
            load_yaml(block.text, f"{name(page)}:{block.line}")


def test_what_is_not_run_is_counted() -> None:
    """A block is left out only for a reason of the list above."""
    reasons = Counter(re.sub(rf"^{NOT_RUN}: ", "", block.title) for block in BLOCKS if not block.is_run)
    assert reasons == LEFT_OUT


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_that_is_not_run_is_python(page: Path) -> None:
    """A part of a script that a page shows has no slip of syntax."""
    for block in blocks(page):
        if block.language == "python" and not block.is_run:
            ast.parse(block.text, f"{name(page)}:{block.line}")


def test_every_block_says_its_language() -> None:
    """Else nothing tries it."""
    known = {"sh", "console", "python", "yaml", "text", "json", "toml"}
    assert [f"{name(block.page)}:{block.line}" for block in BLOCKS if block.language not in known] == []
    for page in PAGES:
        fences = re.findall(r"^ *```", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), name(page)


def test_what_pip_and_make_are_told_exists() -> None:
    """Extras are the package's, targets the Makefile's."""
    (table,) = re.findall(r"optional-dependencies\]\n(.*?)\n\[", (ROOT / "pyproject.toml").read_text(), re.DOTALL)
    extras = set(re.findall(r"^(\w+) = ", table, re.MULTILINE))
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        text = page.read_text()
        named = {extra for found in re.findall(r"qgtune\[([\w,-]+)\]", text) for extra in found.split(",")}
        assert named <= extras, name(page)
        assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) <= targets, name(page)
