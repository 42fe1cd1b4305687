"""How a sweep was set up: what samples, what prunes, the seed, and the versions of what ran it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from qgtune.results.provenance import git
from qgtune.study.storages.addresses import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qgtune.results.source import Source

PACKAGES = ("qgtune", "optuna", "hydra-core", "torch")


def setup_of(source: Source) -> Iterator[tuple[str, str]]:
    """Yield what is known of a sweep's setup, as pairs of a name and a text; versions are those of this process."""
    if source.config is not None:
        sweeper: Any = OmegaConf.to_container(source.config.hydra.sweeper, resolve=False)
        for name, default in (("sampler", "Optuna's default"), ("pruner", "Optuna's default")):
            yield name.capitalize(), _component(sweeper.get(name)) or default
        if sweeper.get("seed") is not None:
            yield "Seed", str(sweeper["seed"])
        if (commit := git.line(source.cwd, "rev-parse", "--short=12", "HEAD")) is not None:
            yield "Commit", f"{commit}, when this page was written"
    yield "Versions", ", ".join([f"Python {platform.python_version()}", *_versions()])


def _component(node: Any) -> str:
    """Return a sampler or a pruner as its class and what was set of it."""
    if not isinstance(node, dict) or "_target_" not in node:
        return "" if node is None else str(redact(str(node)))
    given = ", ".join(f"{key}={value}" for key, value in node.items() if not key.startswith("_"))
    name = str(node["_target_"]).rpartition(".")[2]
    return str(redact(f"{name}({given})" if given else name))


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
