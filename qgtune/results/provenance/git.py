"""What git says of the code: the commit, and what differs from it."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from qgtune.study.storages.addresses import MASK, redact

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 10.0
MOST_BYTES = 256 << 10
MOST_FILES = 200
_SECRET = re.compile(
    r"""(?P<head>\b[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key)[\w-]*["']?\s*[:=]\s*)(?P<secret>\S.*)""",
    re.IGNORECASE,
)


def git_facts(folder: Path) -> dict[str, Any]:
    """Return commit, branch, changed and untracked files, and the diff; all null where there is no git or no commit.

    The diff has what looks like a password masked, and is cut at `MOST_BYTES`.
    """
    commit = line(folder, "rev-parse", "HEAD")
    if commit is None:
        nothing = ("commit", "branch", "changed", "untracked", "diff", "diff_is_cut")
        return dict.fromkeys(nothing)
    status = _output(folder, "status", "--porcelain", "-z", "--no-renames")
    entries = [] if status is None else [entry for entry in status[0].split("\0") if entry]
    diff = _output(folder, "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv")
    return {
        "commit": commit,
        "branch": line(folder, "symbolic-ref", "--short", "-q", "HEAD"),
        "changed": None if status is None else [entry[3:] for entry in entries if entry[:2] != "??"][:MOST_FILES],
        "untracked": None if status is None else [entry[3:] for entry in entries if entry[:2] == "??"][:MOST_FILES],
        "diff": None if diff is None else without_secrets(diff[0]),
        "diff_is_cut": None if diff is None else diff[1],
    }


def without_secrets(text: str) -> str:
    """Mask what looks like a password: in addresses, and behind a name such as `token`."""
    return str(redact(_SECRET.sub(rf"\g<head>{MASK}", text)))


def line(folder: Path, *arguments: str) -> str | None:
    """Return the line that git prints; None where it prints none, fails, or takes longer than `TIMEOUT_S`."""
    found = _output(folder, *arguments)
    return None if found is None or not found[0].strip() else found[0].strip()


def _output(folder: Path, *arguments: str) -> tuple[str, bool] | None:
    """Return what git prints, and whether it was cut; None where it fails or takes too long."""
    command = ["git", "-C", str(folder), *arguments]
    # Without the lock that `git status` takes to write its index: the user's own git may want it.
    quiet = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own git
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=quiet
        )
    except OSError:
        return None
    watch = threading.Timer(TIMEOUT_S, process.kill)
    watch.daemon = True
    watch.start()
    with process:
        found = b"" if process.stdout is None else process.stdout.read(MOST_BYTES + 1)  # a diff may be of any size
        if is_cut := len(found) > MOST_BYTES:
            process.kill()
    watch.cancel()
    if process.returncode != 0 and not is_cut:
        return None
    return found[:MOST_BYTES].decode(errors="replace"), is_cut
