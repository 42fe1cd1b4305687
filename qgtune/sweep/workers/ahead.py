"""What workers are forked from: started first of all, while this process still imports what a sweep needs.

Keep this module light.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal

from qgtune.processes.function import refuse_unguarded_script
from qgtune.processes.slots import Machine, Slots, read_slots
from qgtune.processes.starting import start_server
from qgtune.space.dependencies.resolvers import resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from omegaconf import DictConfig

BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
PROCESSES = "hydra_plugins.qgtune_launcher.launcher.QGTuneLauncher"
Site = Literal["here", "processes", "elsewhere"]
"""Where workers run: the one in the sweep's own process, in processes that we start, or under another launcher."""
_MODULES = ("qgtune.sweep.workers.launching", "qgtune.sweep.workers.worker", "qgtune.sweep.compose.composition")
_CALLS = ("hydra.core.plugins:Plugins.instance", "qgtune.processes.project.code:note_imports")


def start_ahead(config: DictConfig) -> None:
    """Start the server of a sweep that looks as if it will have workers; whatever is wrong with it is told later."""
    if any(name.startswith("QGTUNE_") for name in os.environ):  # part of a sweep, or wanted for something else
        return
    with suppress(Exception):
        node = config.hydra.sweeper
        if node.dry_run or node.freeze_code == "copy" or site_of(config, node.n_jobs) != "processes":
            return
        refuse_unguarded_script()
        start_workers_server(read_slots(launcher_keys(config), node.n_jobs, Machine.here()))


def site_of(config: DictConfig, n_jobs: int) -> Site:
    """Say where a sweep's workers run."""
    target = config.hydra.launcher.get("_target_")
    if target not in (BASIC, PROCESSES):
        return "elsewhere"
    return "processes" if target == PROCESSES or n_jobs > 1 else "here"


def start_workers_server(slots: Slots) -> None:
    """Start what workers are forked from, so that it is ready once the sweep is planned."""
    start_server(slots.start_method, slots.shared, _MODULES, _CALLS)


def launcher_keys(config: DictConfig) -> dict[str, Any]:
    """Return the keys of our launcher; empty under another one."""
    launcher = config.hydra.launcher
    return plain(launcher) if launcher.get("_target_") == PROCESSES else {}


def plain(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config's keys as plain data."""
    return {str(key): resolved(value) for key, value in keys.items()}
