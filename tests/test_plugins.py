"""How Hydra finds the plugins, and what that costs every other Hydra app."""

from __future__ import annotations

import pickle
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hydra import compose, initialize
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.plugin import Plugin

from hydra_plugins.qgtune_launcher._config import QGTuneLauncherConf
from hydra_plugins.qgtune_sweeper._config import QGTuneSweeperConf
from qgtune.sweep.hydra.store_private import store

ROOT = Path(__file__).parents[1]
LOGGERS = ("apprise", "mlflow", "tensorboard", "trackio", "wandb")
HEAVY = ("optuna", "sqlalchemy", "numpy", "torch", "rich", *LOGGERS)


def run_python(code: str, *, cwd: Path, python: str = sys.executable) -> str:
    """Run code in a fresh process and return what it prints."""
    done = subprocess.run([python, "-c", code], cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_discovery_imports_nothing_heavy(tmp_path: Path) -> None:
    """Discovering plugins in a fresh process finds ours and imports none of the heavy packages."""
    out = run_python(
        "import sys\n"
        "from hydra.core.plugins import Plugins\n"
        "from hydra.plugins.launcher import Launcher\n"
        "from hydra.plugins.sweeper import Sweeper\n"
        "found = [c.__name__ for kind in (Sweeper, Launcher) for c in Plugins.instance().discover(kind)]\n"
        f"print(*found, *(name for name in {HEAVY} if name in sys.modules))",
        cwd=tmp_path,
    )
    names = set(out.split())
    assert {"QGTuneSweeper", "QGTuneLauncher"} <= names
    assert not names & set(HEAVY)


def test_discovery_makes_no_config(tmp_path: Path) -> None:
    """The table of settings is imported when an app chooses the sweeper, not in every app of the machine."""
    out = run_python(
        "import sys\n"
        "from hydra.core.plugins import Plugins\n"
        "Plugins.instance()\n"
        "print(*(name for name in ('qgtune.keys', 'qgtune.sweep.settings', 'qgtune.processes.slots') "
        "if name in sys.modules))",
        cwd=tmp_path,
    )
    assert out.split() == []


def chosen(group: str) -> list[str]:
    """Return the names in a group of ours."""
    Plugins.instance()
    names = [name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)]
    return [name for name in names if ConfigStore.instance().load(f"{group}/{name}.yaml").provider == "qgtune"]


@pytest.mark.parametrize("kind", ["sampler", "pruner", "logger"])
def test_each_config_of_a_group_composes(kind: str) -> None:
    """With a key of its own, which needs no `+`; the sweeper's own keys keep their types."""
    names = chosen(f"hydra/sweeper/{kind}")
    assert len(names) >= 5
    for name in names:
        with initialize(version_base="1.3", config_path=None):
            key = f"hydra.sweeper.{kind}.{name}.more" if kind == "logger" else f"hydra.sweeper.{kind}.more"
            choice = f"hydra/sweeper/{kind}=[{name}]" if kind == "logger" else f"hydra/sweeper/{kind}={name}"
            arguments = [
                "hydra/sweeper=qgtune",
                "hydra/launcher=qgtune",
                choice,
                f"{key}=1",
                "hydra.sweeper.n_jobs='3'",
            ]
            config = compose(overrides=arguments, return_hydra_config=True)
        found = config.hydra.sweeper[kind][name] if kind == "logger" else config.hydra.sweeper[kind]
        assert found.more == 1
        assert found._target_
        assert config.hydra.sweeper.n_jobs == 3
        assert config.hydra.launcher._target_ == "hydra_plugins.qgtune_launcher.launcher.QGTuneLauncher"


@pytest.mark.parametrize("config", [QGTuneSweeperConf, QGTuneLauncherConf])
def test_the_dataclasses_travel_by_their_names(config: type) -> None:
    """One that travels by value overwrites the fields of the original on its way home."""
    assert getattr(sys.modules[config.__module__], config.__name__) is config


def test_a_logger_that_is_none_is_refused() -> None:
    """A group of loggers takes arguments of those that are chosen, and no others."""
    with initialize(version_base="1.3", config_path=None), pytest.raises(HydraException, match=r"logger\.mlfow"):
        compose(overrides=["hydra/sweeper=qgtune", "hydra/sweeper/logger=[csv]", "hydra.sweeper.logger.mlfow.x=1"])


def test_a_config_of_the_store_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers send Hydra's singletons to other processes, whether or not a config was made before."""
    monkeypatch.setattr(ConfigStore.instance(), "repo", {})
    store("travels", "one", {"_target_": "a.B"})
    for _ in range(2):
        sent = pickle.loads(pickle.dumps(ConfigStore.instance()))  # noqa: S301 - our own
        assert sent.load("travels/one.yaml").node == {"_target_": "a.B"}
        assert ConfigStore.instance().load("travels/one.yaml").node == {"_target_": "a.B"}
    ConfigStore.instance().load("travels/one.yaml").node._target_ = "c.D"
    assert ConfigStore.instance().load("travels/one.yaml").node == {"_target_": "a.B"}


def test_import_is_light(tmp_path: Path) -> None:
    """`import qgtune` needs neither Optuna nor torch until one of its functions is used."""
    out = run_python(f"import sys, qgtune; print(*(n for n in {HEAVY} if n in sys.modules))", cwd=tmp_path)
    assert out.split() == []


def test_plugins_are_a_namespace_package() -> None:
    """Hydra's plugins of several distributions share one package, which none of them may own."""
    assert not (ROOT / "hydra_plugins" / "__init__.py").exists()


@pytest.mark.checkout
@pytest.mark.parametrize(
    "path", sorted((ROOT / "hydra_plugins").glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_plugin_modules_are_thin(path: Path) -> None:
    """A plugin module holds its class or its config, nothing else, and does not name Optuna in an import."""
    text = path.read_text()
    assert "import optuna" not in text
    if not path.name.startswith("_"):
        assert len(text.splitlines()) < 60


def test_entry_points_are_declared() -> None:
    """Hydra 1.4 also reads the group `hydra.plugins`; each entry names a class of its."""
    found = {point.name: point for point in entry_points(group="hydra.plugins") if point.name.startswith("qgtune")}
    assert set(found) == {"qgtune_sweeper", "qgtune_launcher"}
    for point in found.values():
        assert issubclass(point.load(), Plugin)


@pytest.mark.checkout
def test_no_assert_in_the_package() -> None:
    """Mistakes of users and of ours raise errors that survive `python -O`."""
    found = [
        path
        for path in (ROOT / "qgtune").rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith("assert ")
    ]
    assert found == []


@pytest.mark.slow
@pytest.mark.checkout
def test_wheel_brings_the_plugins(tmp_path: Path) -> None:
    """A wheel holds package, type marker and plugins, and Hydra discovers them from it."""
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("qgtune-*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(site)
    assert {"qgtune/py.typed", "hydra_plugins/qgtune_sweeper/sweeper.py", "qgtune/__init__.py"} <= names
    assert not any(name.startswith(("tests/", "examples/", "conf/")) for name in names)
    out = run_python(
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from hydra.core.plugins import Plugins\n"
        "from hydra.plugins.sweeper import Sweeper\n"
        "print(*(c.__name__ for c in Plugins.instance().discover(Sweeper)))",
        cwd=tmp_path,
    )
    assert "QGTuneSweeper" in out.split()
