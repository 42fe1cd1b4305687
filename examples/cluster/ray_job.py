"""Start the same sweep on every node of a running Ray cluster: `python ray_job.py hydra.sweeper.n_trials=200 …`."""

from __future__ import annotations

import os
import subprocess
import sys

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

STORAGE = "QGTUNE_STORAGE"


# No retries: a sweep that was cut off goes on when the command is given again.
@ray.remote(num_cpus=1, max_retries=0)  # type: ignore[untyped-decorator]
def sweep(storage: str, arguments: list[str]) -> int:
    """Run the sweep on one node; return its exit code."""
    command = [
        sys.executable,
        "examples/train.py",
        "--multirun",
        "hydra/sweeper=qgtune",
        "hydra.sweeper.study_name=ray",
    ]
    reference = f"hydra.sweeper.storage=${{oc.env:{STORAGE}}}"  # the URL, which may hold a password, is no argument
    return subprocess.call([*command, reference, *arguments], env={**os.environ, STORAGE: storage})  # noqa: S603


def main() -> int:
    """Start one sweep a node and wait for all; return the first exit code that is no 0."""
    ray.init(address="auto")
    nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
    placed = [sweep.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False)) for node in nodes]
    codes = ray.get([task.remote(os.environ[STORAGE], sys.argv[1:]) for task in placed])
    return next((code for code in codes if code), 0)


if __name__ == "__main__":
    sys.exit(main())
