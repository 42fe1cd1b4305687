"""Real sweeps of a small app, `train.py --multirun hydra.sweeper.storage=…`, on real servers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import optuna
import pytest
import yaml

from qgtune.study.attempts.limits import Limits
from qgtune.study.opening import open_session
from qgtune.study.spec import StudySpec
from qgtune.study.storages.opening import open_storage
from tests.conftest import CONFIG, App, Run
from tests.storages import servers
from tests.storages.conftest import KINDS, make_storage
from tests.storages.servers import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from qgtune.study.storages.addresses import Storage

    MakeApp = Callable[..., App]

pytestmark = pytest.mark.slow


def override(storage: Storage) -> str:
    """Return the override that selects a storage."""
    if not isinstance(storage, Mapping):
        return f"hydra.sweeper.storage='{storage}'"
    text = re.sub(r"[\"']", "", str(dict(storage))).replace(": ", ":").replace("True", "true")
    return f"hydra.sweeper.storage={text}"


def trials_of(storage: Storage, name: str = "train") -> list[optuna.trial.FrozenTrial]:
    """Read a study's trials."""
    return optuna.load_study(study_name=name, storage=open_storage(storage)).trials


def files_with(text: str, folder: Path) -> list[str]:
    """Return the files below a folder that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if text.encode() in path.read_bytes()]


def only_line(run: Run) -> str:
    """Return the one line of a run that ended with an error; Hydra adds a hint at `HYDRA_FULL_ERROR`."""
    line, *hint = [line for line in run.err.splitlines() if line]
    assert [text for text in hint if "HYDRA_FULL_ERROR" not in text] == []
    return line


@pytest.fixture(params=[kind for kind in KINDS if kind != "journal"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return the name of an empty storage that is no journal, of each kind in turn."""
    (tmp_path / "elsewhere").mkdir()
    found: Storage = make_storage(request.param, request, tmp_path / "elsewhere")
    return found


def test_a_sweep_and_its_continuation(app: App, elsewhere: Storage) -> None:
    """Two workers finish the total; with a higher total the sweep goes on in the same folder. No password is left."""
    run = app.sweep(override(elsewhere), "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4")
    assert run.code == 0, run.err + run.out
    assert "Traceback" not in run.out + run.err
    more = app.sweep(override(elsewhere), "hydra.sweeper.n_jobs=1", "hydra.sweeper.n_trials=6")
    assert more.code == 0, more.err + more.out
    assert "goes on: 4 of 6 trials are there" in more.out
    states = [trial.state.name for trial in trials_of(elsewhere)]
    assert states.count("COMPLETE") == 6
    assert app.yaml("optimization_results.yaml")["best_value"] == min(t.value or 9 for t in trials_of(elsewhere))
    assert PASSWORD not in run.out + run.err + more.out + more.err
    assert files_with(PASSWORD, app.folder) == []


@pytest.mark.parametrize("where", ["argument", "file", "mapping"])
def test_no_password_is_written_down(make_app: MakeApp, postgresql_url: str, where: str) -> None:
    """A password on the command line, in the config or in a mapping is in no file, no line and no attribute."""
    config, arguments = CONFIG, []
    if where == "argument":
        arguments = [override(postgresql_url)]
    elif where == "file":
        config = CONFIG.replace("  sweeper:\n", f"  sweeper:\n    storage: {postgresql_url}\n")
    else:
        url = postgresql_url.replace("postgresql://", "postgresql+psycopg://")
        arguments = [f"hydra.sweeper.storage={{_target_:optuna.storages.RDBStorage,url:'{url}'}}"]
    app = make_app("print(cfg)", config)
    run = app.sweep(*arguments, "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=2")
    assert run.code == 0, run.err
    assert PASSWORD not in run.out + run.err
    assert [name for name in files_with(PASSWORD, app.folder) if name != "conf/config.yaml"] == []
    masked = yaml.safe_load(app.path("0", ".hydra", "hydra.yaml").read_text())["hydra"]["sweeper"]["storage"]
    assert "***" in str(masked)
    assert PASSWORD not in str([trial.user_attrs for trial in trials_of(postgresql_url)])


def test_a_url_from_the_environment_stays_a_reference(
    app: App, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`${oc.env:…}` is resolved to open the storage, and written as it was given."""
    monkeypatch.setenv("STUDY_DB", postgresql_url)
    run = app.sweep("hydra.sweeper.storage=${oc.env:STUDY_DB}", "hydra.sweeper.n_trials=2")
    assert run.code == 0, run.err
    assert files_with(PASSWORD, app.folder) == []
    assert app.yaml("0", ".hydra", "hydra.yaml")["hydra"]["sweeper"]["storage"] == "${oc.env:STUDY_DB}"


def test_stock_optuna_reads_the_same_redis(app: App, redis_url: str) -> None:
    """What a sweep wrote to Redis is Optuna's own journal; what Optuna adds there counts here."""
    from optuna.storages.journal import JournalRedisBackend

    assert app.sweep(override(redis_url), "hydra.sweeper.n_trials=3").code == 0
    with pytest.warns(optuna.exceptions.ExperimentalWarning):
        stock = optuna.storages.JournalStorage(JournalRedisBackend(redis_url))
    study = optuna.load_study(study_name="train", storage=stock)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 3
    study.add_trial(optuna.trial.create_trial(value=1.0))
    session = open_session(StudySpec("train", redis_url), Limits(4), samples=False)
    assert session.refresh().finished == 4


@pytest.mark.parametrize("scheme", ["redis", "postgresql", "mysql", "grpc"])
def test_nobody_listens(app: App, scheme: str) -> None:
    """A server that is not there is one line with its address, and nothing is left behind."""
    port = servers.free_port()
    run = app.sweep(f"hydra.sweeper.storage='{scheme}://me:{PASSWORD}@127.0.0.1:{port}/x'")
    assert run.code == 1
    line = only_line(run)
    assert line.startswith(f"Cannot open the storage {scheme}://me:***@127.0.0.1:{port}/x: ")
    assert "refused" in line
    assert PASSWORD not in run.out + run.err
    assert not app.path().exists()


@pytest.mark.parametrize("kind", ["redis", "postgresql", "mysql"])
def test_a_wrong_password_is_one_line(app: App, kind: str, request: pytest.FixtureRequest) -> None:
    """A server that refuses the password is named, neither password is."""
    url = str(request.getfixturevalue(f"{kind}_url")).replace(PASSWORD, "Wr0ng-One")
    run = app.sweep(override(url))
    assert run.code == 1
    line = only_line(run)
    assert f"Cannot open the storage {url.replace('Wr0ng-One', '***')}: " in line
    assert line.endswith("Correct the user name and the password.")
    assert not {"Wr0ng-One", PASSWORD} & set(re.findall(r"[\w-]+", run.out + run.err))


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_unknown_database_is_one_line(app: App, kind: str, request: pytest.FixtureRequest) -> None:
    """A database that does not exist is named."""
    url = f"{str(request.getfixturevalue(f'{kind}_url')).rpartition('/')[0]}/nowhere"
    run = app.sweep(override(url))
    assert run.code == 1
    line = only_line(run)
    assert "nowhere" in line
    assert line.endswith("Create it, or correct the name.")


@pytest.mark.parametrize(
    ("kind", "module", "package"),
    [
        pytest.param("redis", "redis", "redis", id="redis"),
        pytest.param("postgresql", "psycopg", "psycopg", id="postgresql"),
        pytest.param("mysql", "pymysql", "pymysql", id="mysql"),
        pytest.param("grpc", "grpc", "grpcio", id="grpc"),
    ],
)
def test_a_missing_driver_is_one_line(make_app: MakeApp, kind: str, module: str, package: str) -> None:
    """A driver that is not installed is named, with the command that installs it."""
    app = make_app()
    hide = f"import sys\nsys.modules['{module}'] = None\n"
    script = (app.folder / "train.py").read_text()
    (app.folder / "train.py").write_text(hide + script)
    run = app.sweep(f"hydra.sweeper.storage='{kind}://me:{PASSWORD}@127.0.0.1/x'")
    assert run.code == 1
    line = only_line(run)
    assert line == (
        f"Cannot open the storage {kind}://me:***@127.0.0.1/x: the package {package} is not installed. "
        f"Run: pip install 'qgtune[{kind}]'."
    )
