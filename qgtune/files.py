"""Files that are whole or not there, and how a user would name them.

They follow the umask, and a link that the user made; one that somebody else planted in a shared folder is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from qgtune.errors import QGTuneError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_N_TRIES = 20


def digest(data: bytes) -> str:
    """Return a short text that other content does not have."""
    return hashlib.sha256(data).hexdigest()[:12]


def write_whole(path: Path, content: str | bytes, *, sync: bool = True) -> None:
    """Write a file, whole or not at all: what was there before is kept until then.

    Args:
        path: the file; its folder is made if need be.
        content: a text is written in UTF-8.
        sync: whether it has to outlive a power cut from now on.

    Raises:
        OSError: when it cannot be written, as no device or pipe can: it would be gone.
    """
    place = _place(path)
    with _temporary(place, content, sync=sync) as temporary:
        temporary.replace(place)


def write_once(path: Path, content: str | bytes) -> bool:
    """Write a file unless it exists; of several processes that try at once, one wins.

    Returns:
        Whether this call wrote it.

    Raises:
        OSError: when it cannot be written.
    """
    place = _place(path)
    with _temporary(place, content, sync=False) as temporary:
        return _link(temporary, place)


def _place(path: Path) -> Path:
    """Return where a file really lies: at the end of a link that is the user's or the folder's owner's.

    Linux trusts the same links where it protects them (`fs.protected_symlinks`).

    Raises:
        OSError: when there is a device, a pipe or a socket.
    """
    is_link = path.is_symlink()
    if is_link and path.lstat().st_uid not in (os.geteuid(), path.parent.stat().st_uid):
        return path
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return Path(os.path.realpath(path)) if is_link else path


@contextmanager
def _temporary(path: Path, content: str | bytes, *, sync: bool) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> bool:
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if path.exists():
            return False
        with contextlib.suppress(FileExistsError):
            temporary.rename(path)
    return True


def check_writable(paths: Mapping[str, Path | None]) -> None:
    """Check that files can be written, before anything is lost because they cannot.

    Args:
        paths: the files, by the settings that name them; None for one that is not wanted. Nothing stays behind.

    Raises:
        QGTuneError: for each that cannot.
    """
    problems = [
        f"Cannot write {str(path)!r} ({key}): {reason}. Choose another path."
        for key, path in paths.items()
        if path is not None and (reason := _why_not(path))
    ]
    if problems:
        raise QGTuneError(*problems)


def _why_not(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    try:
        place = _place(path)
    except OSError as error:
        return str(error.strerror or error)
    missing = [folder for folder in place.parents if not folder.exists()]

    def write() -> None:
        with _temporary(place, "", sync=False):
            pass

    try:
        in_its_folder(write)
    except OSError as error:
        return str(error.strerror or error)
    else:
        return ""
    finally:
        for folder in missing:
            with contextlib.suppress(OSError):
                folder.rmdir()


def in_its_folder(write: Callable[[], None]) -> None:
    """Make a folder and write into it, where another sweep may look at the same moment whether it could.

    That one takes the folder away again, unless a file is in it already.

    Args:
        write: does both.

    Raises:
        OSError: when it cannot.
    """
    for n_left in reversed(range(_N_TRIES)):
        try:
            write()
        except (FileNotFoundError, FileExistsError):  # gone, or gone again as soon as it was there
            if not n_left:
                raise
        else:
            return


def short_path(path: Path) -> str:
    """Return a path as a user would type it here: relative when it lies below the working folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
