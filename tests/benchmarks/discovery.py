"""P3: what the plugins add to each Hydra app of the machine, in milliseconds: imports, and configs in the store.

python tests/benchmarks/discovery.py [--rounds 20]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys

CODE = """
import time
import hydra
import hydra.core.plugins
import hydra.plugins.launcher
import hydra.plugins.sweeper

start = time.perf_counter()
import hydra_plugins.qgtune_launcher.launcher
import hydra_plugins.qgtune_sweeper.sweeper

print(time.perf_counter() - start)
"""


def main() -> None:
    """Print the median of fresh processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    times_s = [
        float(subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout)
        for _ in range(arguments.rounds)
    ]
    print(
        f"P3  {statistics.median(times_s) * 1e3:.1f} ms (median of {arguments.rounds}, least {min(times_s) * 1e3:.1f})"
    )


if __name__ == "__main__":
    main()
