"""Files of several sweeps in one folder, by threads in the place of processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from qgtune.errors import QGTuneError
from qgtune.files import check_writable, in_its_folder


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


def test_looking_leaves_nothing(tmp_path: Path) -> None:
    """Neither a file nor a folder; what can never be is refused at once."""
    check_writable({"key": tmp_path / "a" / "b" / "c.yaml"})
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(QGTuneError, match=r"Cannot write '/proc/nope/c\.yaml'"):
        check_writable({"key": Path("/proc/nope/c.yaml")})
