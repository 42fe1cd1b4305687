"""Files of several sweeps in one folder, by threads in the place of processes; links and special files."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
import pytest

from qgtune.errors import QGTuneError
from qgtune.files import check_writable, in_its_folder, write_once, write_whole
from qgtune.study.storages.opening import open_storage

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_folder_that_others_look_at_can_be_written_to(tmp_path: Path) -> None:
    """Looking makes the folder and takes it away again; whoever writes meanwhile is not disturbed."""

    def look(number: int) -> None:
        check_writable({"hydra.sweep.dir": tmp_path / str(number) / "deep" / "multirun.yaml"})

    def write(number: int) -> None:
        folder = tmp_path / str(number) / "deep"

        def both() -> None:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "multirun.yaml").write_text("x")

        in_its_folder(both)

    with ThreadPoolExecutor(4) as pool:
        for number in range(150):
            for task in [pool.submit(what, number) for what in (look, write, look, look)]:
                task.result()
    assert all((tmp_path / str(number) / "deep" / "multirun.yaml").exists() for number in range(150))


@pytest.mark.parametrize("url", ["{}/study.log", "sqlite:///{}/study.db"])
def test_a_study_can_be_opened_while_others_look(url: str, tmp_path: Path) -> None:
    """Its folder stays once it is made: another sweep that looks whether it could write finds a file in it."""

    def look(number: int) -> None:
        check_writable({"storage": tmp_path / str(number) / "deep" / "results.csv"})

    def open_one(number: int) -> None:
        storage = open_storage(url.format(tmp_path / str(number) / "deep"))
        study = optuna.create_study(storage=storage)
        study.set_user_attr("number", number)

    n_folders = 8 if "sqlite" in url else 100
    with ThreadPoolExecutor(4) as pool:
        for number in range(n_folders):
            for task in [pool.submit(what, number) for what in (look, open_one, look, look)]:
                task.result()
    assert len(list(tmp_path.glob("*/deep/study.*"))) >= n_folders


def test_looking_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor a folder; what can never be is refused at once."""
    check_writable({"key": tmp_path / "a" / "b" / "c.yaml"})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(QGTuneError, match=r"Cannot write '/proc/nope/c\.yaml'"):
        check_writable({"key": Path("/proc/nope/c.yaml")})


@pytest.mark.parametrize("write", [write_whole, write_once])
def test_a_link_of_the_users_own_is_followed(write: Callable[[Path, str], object], tmp_path: Path) -> None:
    """Wherever it leads, and though nothing is there yet."""
    link = tmp_path / "best.yaml"
    link.symlink_to(tmp_path / "elsewhere" / "best.yaml")
    check_writable({"key": link})
    assert list(tmp_path.iterdir()) == [link]
    write(link, "a: 1")
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "best.yaml").read_text() == "a: 1"


def test_a_planted_link_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that others write to, a link is somebody else's: what it leads to stays as it is."""
    precious, link = tmp_path / "precious", tmp_path / "best.yaml"
    precious.write_text("mine")
    link.symlink_to(precious)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    folder = tmp_path.stat()
    real = Path.stat

    def of_another(path: Path, **given: bool) -> os.stat_result:
        return os.stat_result((*folder[:4], os.getuid() + 2, *folder[5:])) if path == tmp_path else real(path, **given)

    monkeypatch.setattr(Path, "stat", of_another)
    write_whole(link, "a: 1")
    assert precious.read_text() == "mine"
    assert link.read_text() == "a: 1"


@pytest.mark.parametrize("is_linked", [False, True])
def test_a_special_file_is_refused_and_stays(*, is_linked: bool, tmp_path: Path) -> None:
    """A file put in its place would take a device from the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    path = tmp_path / "link" if is_linked else pipe
    if is_linked:
        path.symlink_to(pipe)
    with pytest.raises(QGTuneError, match=r"Cannot write '.*' \(key\): it is no regular file\. Choose another path\."):
        check_writable({"key": path})
    with pytest.raises(OSError, match="no regular file"):
        write_whole(path, "a: 1")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert path.is_symlink() == is_linked
