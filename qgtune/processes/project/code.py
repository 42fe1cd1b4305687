"""Where the project is, and which of its code this process has loaded."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import sys
import time
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.files import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTALLED = frozenset(("site-packages", "dist-packages"))
"""Folders of installed packages: what lies in one is nobody's project."""


def project_of(script: Path | None, cwd: Path) -> Path:
    """Return the folder of an app's project: its git repository, or else that of its script.

    Args:
        script: the main script; None for a prompt or a notebook, whose project is the working folder's.
        cwd: the working folder.
    """
    folder = cwd.absolute() if script is None else script.absolute().parent
    for parent in (folder, *folder.parents):
        if parent in (Path.home(), parent.parent):  # some keep their home folder in git
            break
        if (parent / ".git").exists():
            return parent
    return folder


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that this process has loaded.

    Attributes:
        digest: of its content; empty where the file has changed between its import and our look at it.
        changed_s: when it had last been changed, in seconds since the epoch.
    """

    digest: str
    changed_s: float


@dataclass(slots=True)
class LoadedCode:
    """The Python files of a project that this process has loaded.

    A process keeps what it has loaded, whatever becomes of the file: each is read once, when it is first seen.

    Attributes:
        root: the project's folder.
        files: by path below it.
        imports: when each module was imported, where somebody notes that.
    """

    root: Path
    files: dict[str, Loaded] = field(default_factory=dict)
    imports: Mapping[str, float] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _n_modules: int = 0

    @classmethod
    def followed(cls, root: Path) -> LoadedCode:
        """Return it with all imports noted from here on: a trial may run for hours before anybody looks again."""
        return cls(root, imports=note_imports())

    def look(self) -> Mapping[str, Loaded]:
        """Take in what was loaded since the last look; return all of it."""
        if len(sys.modules) == self._n_modules:
            return self.files
        self._n_modules = len(sys.modules)
        root = os.path.realpath(self.root) + os.sep
        resolved = functools.cache(os.path.realpath)  # thousands of modules lie in hundreds of folders
        for module, found in list(sys.modules.items()):
            name = getattr(found, "__file__", None)
            if not isinstance(name, str) or name in self._seen:
                continue
            self._seen.add(name)
            folder, file = os.path.split(name)
            path = Path(resolved(folder), file)
            if not file.endswith(".py") or not str(path).startswith(root):
                continue
            inside = str(path)[len(root) :]
            if INSTALLED.isdisjoint(Path(inside).parts):
                with contextlib.suppress(OSError):
                    self.files[inside] = _loaded(path, self.imports.get(module, math.inf))
        return self.files

    def digests(self) -> dict[str, str]:
        """Look, and return the digests by path."""
        return {path: loaded.digest for path, loaded in self.look().items()}


def _loaded(path: Path, imported_s: float) -> Loaded:
    data, changed_s = path.read_bytes(), path.stat().st_mtime
    return Loaded(digest(data) if changed_s <= imported_s else "", changed_s)


def note_imports() -> Mapping[str, float]:
    """Note from here on when this process, and those that are forked from it, import each module; return the notes."""
    noting = next((finder for finder in sys.meta_path if isinstance(finder, _Noting)), None)
    if noting is None:
        noting = _Noting()
        sys.meta_path.insert(0, noting)
    return noting.times


class _Noting(MetaPathFinder):
    """Finds nothing, and notes when each module was looked for.

    A server that processes are forked from loads the main script, which nobody looks for, right after it was made; any
    other process has loaded it before.
    """

    def __init__(self) -> None:
        self.times: dict[str, float] = dict.fromkeys(("__main__", "__mp_main__"), time.time())

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - Python's
        """Note the time."""
        self.times[fullname] = time.time()
