"""Finding a study by a sweep folder, a journal file or an address."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial

from qgtune import QGTuneError
from qgtune.results.best import params_of
from qgtune.results.source import open_source, read_sweep_config
from qgtune.space.reading.yaml_files import write_yaml
from tests.studies import make_studies, make_study, make_sweep, trial

if TYPE_CHECKING:
    from pathlib import Path


def everything(folder: Path) -> dict[Path, bytes]:
    """Return every file below a folder with its content."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_sweep_folder_leads_to_its_study(tmp_path: Path) -> None:
    """The name and the storage come from the config, though the folder's own name there is made of the time."""
    source = open_source(str(make_sweep(tmp_path / "sweep")))
    assert source.study.study_name == "train"
    assert source.folder == tmp_path / "sweep"
    assert source.storage == str(tmp_path / "sweep" / "study.log")


def test_a_sweep_folder_may_have_moved(tmp_path: Path) -> None:
    """What lay in the folder is looked for where the folder is now, also when its old path was written out."""
    before = make_sweep(tmp_path / "sweep", storage=str(tmp_path / "sweep" / "study.log"))
    after = before.rename(tmp_path / "elsewhere")
    assert open_source(str(after)).storage == str(after / "study.log")


def test_a_relative_storage_is_that_of_the_working_folder(tmp_path: Path) -> None:
    """A storage outside of the sweep folder is found from the folder that the sweep was started in."""
    folder = make_sweep(tmp_path / "sweep", storage="experiments/all.log", study_name="mine")
    make_studies(tmp_path / "experiments" / "all.log", "other", "mine")
    source = open_source(str(folder))
    assert source.storage == str(tmp_path / "experiments" / "all.log")
    assert source.study.study_name == "mine"


def test_workers_that_cannot_share_memory_leave_a_journal(tmp_path: Path) -> None:
    """Where memory was asked for and a journal was needed, that is the storage."""
    folder = make_sweep(tmp_path / "sweep", storage=None)
    assert open_source(str(folder)).storage == str(folder / "study.log")


def test_the_journal_of_a_sweep_leads_to_its_folder(tmp_path: Path) -> None:
    """Naming the journal in a sweep folder is the same as naming the folder."""
    folder = make_sweep(tmp_path / "sweep")
    assert open_source(str(folder / "study.log")).folder == folder


def test_a_name_that_does_not_resolve_leads_to_the_only_study(tmp_path: Path) -> None:
    """A study's name made by a resolver of the app is not needed where there is one study."""
    folder = make_sweep(tmp_path / "sweep", study_name="${nobody_knows:this}")
    assert open_source(str(folder)).study.study_name == "train"


def test_a_folder_with_a_journal_alone(tmp_path: Path) -> None:
    """A folder without a config, but with a journal of the usual name, is good enough."""
    make_studies(tmp_path / "study.log", "one")
    source = open_source(str(tmp_path))
    assert source.study.study_name == "one"
    assert source.config is None


def test_nothing_is_written(tmp_path: Path) -> None:
    """Looking at a study leaves every file as it was, and makes none."""
    folder = make_sweep(tmp_path / "sweep")
    before = everything(tmp_path)
    assert len(open_source(str(folder)).study.trials) == 1
    assert everything(tmp_path) == before


def test_a_journal_that_may_only_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's results can be looked at without the right to write them."""
    folder = make_sweep(tmp_path / "sweep")
    monkeypatch.setattr(os, "access", lambda _path, mode: mode != os.W_OK)  # root may write everything
    assert len(open_source(str(folder)).study.trials) == 1


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        pytest.param("nowhere", None, "there is no such folder or file", id="nothing there"),
        pytest.param("empty", None, "it is no sweep folder. Give the folder that", id="no sweep"),
        pytest.param(".", None, "it is no sweep folder. Did you mean '.*train'[?]", id="above a sweep"),
        pytest.param("empty.log", None, "it holds none", id="no study"),
        pytest.param("two.log", None, "it holds 'first', 'second'. Name one with --study", id="several"),
        pytest.param("two.log", "fist", "there is no such study. Did you mean 'first'?", id="a typo"),
        pytest.param("two.log", "x", "there is no such study. It holds 'first', 'second'", id="nothing like it"),
        pytest.param("sqlite:///gone.db", None, "there is no file 'gone.db'", id="no database"),
        pytest.param("sqlite:///gone.db?password=x", None, "there is no file 'gone.db'", id="nor with settings"),
        pytest.param("memory", None, "was kept in memory", id="in memory"),
        pytest.param("broken", None, "Cannot read '.*multirun.yaml'", id="no YAML"),
        pytest.param("other", None, "it is no config of a sweep", id="another file"),
        pytest.param("gone", None, "there is no file '.*gone.log' any more", id="the storage is gone"),
        pytest.param("lost", None, "does not resolve here. Give the storage itself", id="the storage is unknown"),
    ],
)
def test_what_cannot_be_opened_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, name: str | None, message: str
) -> None:
    """Each mistake is one line that says what to do."""
    monkeypatch.chdir(tmp_path)
    newest = make_sweep(tmp_path / "multirun" / "day" / "train")
    os.utime(make_sweep(newest / "confirm") / "multirun.yaml", (2**31, 2**31))
    (make_sweep(tmp_path / "memory", storage=None) / "study.log").unlink()
    make_sweep(tmp_path / "gone", storage="gone.log")
    make_sweep(tmp_path / "lost", storage="${nobody_knows:this}")
    (tmp_path / "lost" / "study.log").unlink()
    make_studies(tmp_path / "two.log", "first", "second")
    make_studies(tmp_path / "empty.log")
    for folder, content in (("empty", None), ("broken", "a: ["), ("other", "a: 1")):
        (tmp_path / folder).mkdir()
        if content is not None:
            (tmp_path / folder / "multirun.yaml").write_text(content)
    os.utime(tmp_path / "memory" / "multirun.yaml", (0, 0))
    for other in ("gone", "lost", "broken", "other"):
        os.utime(tmp_path / other / "multirun.yaml", (0, 0))
    with pytest.raises(QGTuneError, match=message) as caught:
        open_source(text, name)
    assert "\n" not in str(caught.value)
    assert "password" not in str(caught.value).replace("password=***", "")


def test_the_settings_of_a_database_are_no_part_of_its_file(tmp_path: Path) -> None:
    """What stands behind the `?` is for the driver."""
    url = f"sqlite:///{tmp_path / 'x.db'}?timeout=30"
    make_study(url, [trial(values=[0.5])])
    assert len(open_source(url).study.trials) == 1
    folder = make_sweep(tmp_path / "sweep", storage="sqlite:///x.db?timeout=30")
    assert open_source(str(folder)).storage == url, "a relative one is that of the folder it was started in"


def test_an_address_is_shown_without_its_password(tmp_path: Path) -> None:
    """An address that cannot be opened does not show up whole in the error."""
    with pytest.raises(QGTuneError) as caught:
        open_source("nosuchthing://me:secret@127.0.0.1:1/studies")
    assert "secret" not in str(caught.value)
    assert tmp_path.is_dir()


def test_trial_folders_and_result_files(tmp_path: Path) -> None:
    """A trial's folder has the name that `hydra.sweep.subdir` gives it; what is not there is None."""
    folder = make_sweep(tmp_path / "sweep", best_config_path="${hydra.sweep.dir}/best.yaml", best_trial_path="b.yaml")
    (folder / "3").mkdir()
    write_yaml(folder / "best.yaml", {"lr": 1})
    source = open_source(str(folder))
    assert source.trial_folder(3) == folder / "3"
    assert source.trial_folder(4) is None
    assert source.result_file("best_config_path") == folder / "best.yaml"
    assert source.result_file("best_trial_path") is None
    assert source.result_file("built_search_space_path") is None


def test_a_folder_without_a_config_has_none(tmp_path: Path) -> None:
    """A missing `multirun.yaml` is no error."""
    assert read_sweep_config(tmp_path) is None


def test_params_are_decoded_without_a_space() -> None:
    """A list or a mapping among the choices comes back as such; text that only looks like one stays text."""
    choices: dict[str, list[Any]] = {"a": ["[1,2]", '{"b":1}', "[1, 2]", "[x"], "lr": [0.5]}
    distributions = {path: CategoricalDistribution(values) for path, values in choices.items()}
    for stored, expected in (("[1,2]", [1, 2]), ('{"b":1}', {"b": 1}), ("[1, 2]", "[1, 2]"), ("[x", "[x")):
        trial = create_trial(value=0, params={"a": stored, "lr": 0.5}, distributions=dict(distributions))
        assert params_of(trial) == {"a": expected, "lr": 0.5}
