"""Hydra's own suites for launchers, on `hydra/launcher=qgtune`."""

from __future__ import annotations

import pytest
from hydra.core.singleton import Singleton
from hydra.test_utils.launcher_common_tests import BatchedSweeperTestSuite, IntegrationTestSuite, LauncherTestSuite
from hydra.version import VersionBase

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def version_base(hydra_restore_singletons: None) -> None:  # noqa: ARG001
    """Let no other test's `version_base` say where jobs run: the suites want their folders, as Hydra 1.1 has it."""
    Singleton._instances.pop(VersionBase, None)


@pytest.mark.parametrize(("launcher_name", "overrides"), [("qgtune", [])])
class TestLauncher(LauncherTestSuite):
    """What any launcher must do."""

    @pytest.mark.skip("a spawned process knows the resolvers that its script registers, not those of the parent alone")
    def test_sweep_with_custom_resolver(self, launcher_name: str, overrides: list[str]) -> None:  # type: ignore[override]
        """Differ on purpose: see README, resolvers."""


@pytest.mark.parametrize(
    ("launcher_name", "overrides"), [("qgtune", ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=2"])]
)
class TestBatches(BatchedSweeperTestSuite):
    """What it must do when the sweeper sends jobs in batches."""


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({"defaults": [{"override hydra/launcher": "qgtune"}]}, ["-m"])],
)
class TestApps(IntegrationTestSuite):
    """What it must do for apps of their own processes."""
