"""Files of several sweeps in one folder, by threads in the place of processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import optuna
import pytest

from qgtune.errors import QGTuneError
from qgtune.files import check_writable, in_its_folder
from qgtune.study.storages.opening import open_storage


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
