"""A copy of the project's code, which worker processes import in place of the one that is being worked on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError
from qgtune.files import digest
from qgtune.processes.project.code import INSTALLED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(".qgtune", "code")
MOST_BYTES = 50 << 20
MOST_FILES = 20_000
GIT_S = 20.0
_MARKS = ("multirun.yaml", ".hydra", ".qgtune", "pyvenv.cfg")
"""What tells a folder of results, or of a virtual environment."""
_INSTEAD = "or take hydra.sweeper.freeze_code=warn"


@dataclass(frozen=True, slots=True)
class CopiedCode:
    """A project and its copy.

    Attributes:
        project: its folder, resolved.
        copy: the folder of the copy.
    """

    project: Path
    copy: Path

    @classmethod
    def make(cls, project: Path, sweep: Path) -> CopiedCode:
        """Copy the project's code into a sweep folder; the same code lies there once.

        Raises:
            QGTuneError: when it is too large, or a module of it would not come from the copy.
            OSError: when it cannot be copied.
        """
        root = project.resolve()
        files = check_copy(root)
        names = "\0".join(f"{path} {digest((root / path).read_bytes())}" for path in files)
        made = cls(root, sweep.absolute() / FOLDER / digest(names.encode()))
        if not made.copy.is_dir():
            made.copy.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=made.copy.parent))
            for path in files:
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / path, temporary / path)
            temporary.chmod(0o755)
            with suppress(OSError):  # a sweep beside this one was faster
                temporary.rename(made.copy)
            shutil.rmtree(temporary, ignore_errors=True)
        return made

    @contextmanager
    def imported(self) -> Iterator[None]:
        """Let processes that start inside import the copy.

        A spawned process is told by its parent where its modules and its main script come from: `sys.path`, and the
        `__file__` of `__main__`.
        """
        main = sys.modules["__main__"]
        path, script = list(sys.path), getattr(main, "__file__", None)
        sys.path[:] = [self.of(entry or os.getcwd()) for entry in path]  # noqa: PTH109 - of texts
        if script is not None:
            main.__file__ = self.of(script)
        try:
            yield
        finally:
            sys.path[:] = path
            main.__file__ = script

    def of(self, name: str) -> str:
        """Return where a path of the project lies in the copy; any other as it is."""
        inside = _inside(self.project, Path(name))
        return name if inside is None else str(self.copy / inside)


def check_copy(root: Path) -> list[Path]:
    """Return the files that a copy of the project has, by path below its folder.

    Raises:
        QGTuneError: when they are too large, or a module that is loaded would not come from them.
    """
    files = _files(root)
    size = sum((root / path).stat().st_size for path in files)
    if size > MOST_BYTES or len(files) > MOST_FILES:
        raise QGTuneError(
            f"Cannot copy the code of {str(root)!r}: it has {len(files)} files of {size / 2**20:.0f} MiB, and no more "
            f"than {MOST_FILES} of {MOST_BYTES >> 20} MiB are copied. Take data out of git, {_INSTEAD}."
        )
    _check_modules(root, set(files))
    return files


def _files(root: Path) -> list[Path]:
    """Return what git tracks and Python files that it does not ignore; without git, what lies beside Python files."""
    tracked, others = (_git(root, *options) for options in ((), ("--others", "--exclude-standard", "*.py")))
    if tracked is None or others is None:
        return sorted(_beside_python(root))
    mine = [path for path in others if not any(_is_apart(root / folder) for folder in path.parents)]
    return sorted({path for path in (*tracked, *mine) if (root / path).is_file()})


def _git(root: Path, *options: str) -> list[Path] | None:
    try:
        command = ["git", "-C", str(root), "ls-files", "-z", *options]
        done = subprocess.run(command, capture_output=True, check=True, timeout=GIT_S)  # noqa: S603 - the user's own
    except (OSError, subprocess.SubprocessError):
        return None
    return [Path(os.fsdecode(name)) for name in done.stdout.split(b"\0") if name]


def _is_apart(folder: Path) -> bool:
    return folder.name in (".qgtune", "__pycache__") or any((folder / mark).exists() for mark in _MARKS)


def _beside_python(root: Path) -> Iterator[Path]:
    for name, folders, files in os.walk(root):
        folder = Path(name)
        folders[:] = [
            inner
            for inner in folders
            if not inner.startswith(".") and inner not in INSTALLED and not _is_apart(folder / inner)
        ]
        if any(file.endswith(".py") for file in files):
            yield from ((folder / file).relative_to(root) for file in files if (folder / file).is_file())


def _inside(root: Path, path: Path) -> Path | None:
    """Return a path of the project as it is below its folder; None for one that lies elsewhere or is installed."""
    found = path.resolve()
    inside = found.relative_to(root) if found.is_relative_to(root) else None
    return None if inside is None or INSTALLED & set(inside.parts) else inside


def _check_modules(root: Path, files: set[Path]) -> None:
    """Check that what is loaded of the project is in the copy, and is found on `sys.path`."""
    problems = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        inside = _inside(root, Path(file))
        if inside is None:
            continue
        if inside not in files:
            problems.append(f"Cannot copy the code: git ignores {inside}. Let it be tracked, {_INSTEAD}.")
        elif name not in ("__main__", "__mp_main__") and not _is_on_path(name, root / inside, sys.path):
            problems.append(
                f"Cannot copy the code: module {name} is not imported by sys.path. Start its app otherwise, {_INSTEAD}."
            )
    if problems:
        raise QGTuneError(*dict.fromkeys(problems))


def _is_on_path(name: str, path: Path, entries: Sequence[str]) -> bool:
    """Say whether a module was found as a file below an entry of `sys.path`."""
    parts = name.split(".")
    if path.name == "__init__.py":
        path = path.parent
    tops = path.parents[len(parts) - 1 : len(parts)]
    return path.stem == parts[-1] and any(Path(entry or ".").resolve() in tops for entry in entries)
