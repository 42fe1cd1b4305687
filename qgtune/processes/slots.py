"""Which GPU and how many threads each worker process gets."""

from __future__ import annotations

import functools
import math
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qgtune import checks
from qgtune.errors import QGTuneError
from qgtune.keys import Key

if TYPE_CHECKING:
    from collections.abc import Callable

VISIBLE = "CUDA_VISIBLE_DEVICES"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
NVIDIA_SMI_S = 20.0


@dataclass(frozen=True, slots=True)
class Slots:
    """Places for workers: a worker keeps its place for life, and so does the one that replaces it.

    Attributes:
        gpus: what each GPU is called in `CUDA_VISIBLE_DEVICES`; None leaves that variable alone.
        workers_per_gpu: how many workers share a GPU.
        n_threads: how many threads OpenMP, MKL and torch start in a worker; None leaves the environment alone.
        start_method: how their processes come about, `forkserver` or `spawn`.
    """

    gpus: tuple[str, ...] | None = None
    workers_per_gpu: int = 1
    n_threads: int | None = None
    start_method: str = "forkserver"

    @property
    def n_places(self) -> int | None:
        """How many workers have a place; None means any number."""
        return None if self.gpus is None else len(self.gpus) * self.workers_per_gpu

    def gpu(self, slot: int) -> str | None:
        """Return the GPU of a slot: every GPU gets its first worker before one gets its second."""
        return None if self.gpus is None else self.gpus[slot % len(self.gpus)]

    def n_gpus(self, slot: int) -> float | None:
        """Return how many GPUs a slot has, a shared one in part; None where nobody gave it any."""
        name = self.gpu(slot)
        return None if name is None else len(parse_visible(name)) / self.workers_per_gpu

    @property
    def shared(self) -> dict[str, str]:
        """The environment variables that all workers start with."""
        return {} if self.n_threads is None else dict.fromkeys(THREADS, str(self.n_threads))

    def own(self, slot: int) -> dict[str, str]:
        """Return the environment variables that the worker in a slot starts with beside those."""
        gpu = self.gpu(slot)
        return {} if gpu is None else {VISIBLE: gpu}


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine offers.

    Attributes:
        environment: the variables of this process.
        n_cores: how many cores it may use.
        list_gpus: returns what `nvidia-smi -L` prints; the empty text where there is none.
    """

    environment: Mapping[str, str]
    n_cores: int
    list_gpus: Callable[[], str]

    @classmethod
    def here(cls) -> Machine:
        """Return the machine that this process runs on."""
        return cls(os.environ, n_cores(), _nvidia_smi)

    def gpus(self) -> tuple[str, ...]:
        """Return the GPUs that a process started here can see; empty if there are none."""
        visible = self.environment.get(VISIBLE)
        return parse_listing(self.list_gpus()) if visible is None else parse_visible(visible)


def read_slots(launcher: Mapping[str, Any], n_workers: int | None, machine: Machine) -> Slots:
    """Read the keys of `hydra/launcher=qgtune`, or take their defaults where the launcher has no such keys.

    Args:
        launcher: the node `hydra.launcher`, resolved.
        n_workers: how many workers run at a time; None means as many as there is room for.
        machine: where they run.

    Raises:
        QGTuneError: with every wrong value; or when there are more workers than places.
    """
    values, problems = {}, []
    for name, key in LAUNCHER.items():
        try:
            values[name] = key.check(launcher.get(name, key.default))
        except ValueError as error:
            problems.append(f"Cannot use hydra.launcher.{name}={launcher[name]!r}: {error}.")
    if problems:
        raise QGTuneError(*problems)
    wanted = values["gpus"]
    gpus = (machine.gpus() or None) if wanted == "auto" else wanted
    places = Slots(gpus, values["workers_per_gpu"])
    if n_workers is not None and places.n_places is not None and n_workers > places.n_places:
        raise QGTuneError(_too_many(n_workers, places))
    count = n_workers or places.n_places or machine.n_cores
    n_threads = _n_threads(values["threads_per_worker"], count, machine)
    # A script may look for its GPU when it is imported, and then a server would have looked for all of them.
    return Slots(gpus, places.workers_per_gpu, n_threads, "spawn" if gpus else values["start_method"])


def parse_visible(text: str) -> tuple[str, ...]:
    """Read `CUDA_VISIBLE_DEVICES`: indices, or the ids of GPUs or MIG devices, kept as text. CUDA stops at a `-1`."""
    names = [name.strip() for name in text.split(",")]
    ends = [index for index, name in enumerate(names) if name in ("", "-1", "NoDevFiles")]
    return tuple(names[: min(ends, default=len(names))])


def parse_listing(text: str) -> tuple[str, ...]:
    """Read what `nvidia-smi -L` prints: the index of each GPU, and for a divided one the ids of its MIG devices."""
    found: dict[str, list[str]] = {}
    gpu = ""
    for line in text.splitlines():
        if match := re.match(r"GPU (\d+):", line):
            gpu = match[1]
            found[gpu] = []
        elif match := re.search(r"UUID: (MIG-[^)\s]+)", line):
            found.setdefault(gpu, []).append(match[1])
    return tuple(name for index, parts in found.items() for name in parts or [index])


def n_cores() -> int:
    """Return how many cores this process may use: those it is bound to, or fewer if its control group says so."""
    bound = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = CPU_MAX.read_text().split()
        return max(1, min(bound, math.ceil(int(quota) / int(period))))
    return bound


@functools.cache
def _nvidia_smi() -> str:
    import subprocess  # not for all apps that import the keys

    with suppress(OSError, subprocess.SubprocessError):
        return subprocess.check_output(
            ["nvidia-smi", "-L"],  # noqa: S607 - drivers put it in different places, all on PATH
            text=True,
            stderr=subprocess.DEVNULL,
            timeout=NVIDIA_SMI_S,
        )
    return ""


def _n_threads(wanted: int | None, n_workers: int, machine: Machine) -> int | None:
    if wanted is None and machine.environment.get("OMP_NUM_THREADS"):
        return None  # MKL, OpenBLAS and torch follow it, too
    return wanted or max(1, machine.n_cores // n_workers)


def _too_many(n_workers: int, slots: Slots) -> str:
    gpus = slots.gpus or ()
    needed = math.ceil(n_workers / len(gpus))
    return (
        f"Cannot give {n_workers} workers a GPU each: there is room for {slots.n_places}, on GPU {', '.join(gpus)} "
        f"with workers_per_gpu={slots.workers_per_gpu}. Set hydra.launcher.workers_per_gpu={needed} to share them, or "
        f"hydra.sweeper.n_jobs={slots.n_places} (hydra.launcher.n_processes under another sweeper)."
    )


def _gpus(value: Any) -> str | tuple[str, ...] | None:
    if value is None:
        return None
    if value == "auto":
        return "auto"
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError("give auto, null or a list of GPUs")
    names = tuple(map(str, value))
    if not names:
        raise ValueError("the list is empty. Give null to leave the GPUs alone")
    if len(set(names)) < len(names):
        raise ValueError("a GPU stands there twice. Give workers_per_gpu to share it")
    return names


LAUNCHER = {
    "n_processes": Key(
        None,
        checks.optional(checks.whole(1)),
        "how many jobs of another sweeper run at a time; null: one a core, or one a place on a GPU",
    ),
    "gpus": Key(
        None,
        _gpus,
        "`auto` for the GPUs that can be seen, or a list of what `CUDA_VISIBLE_DEVICES` takes (`[0,1]`, ids of GPUs or "
        "MIG devices); null leaves that variable alone",
    ),
    "workers_per_gpu": Key(1, checks.whole(1), "how many processes share a GPU"),
    "threads_per_worker": Key(
        None,
        checks.optional(checks.whole(1)),
        "how many threads OpenMP, MKL and torch start in a process; null: the cores divided by the workers, unless "
        "`OMP_NUM_THREADS` is set",
    ),
    "start_method": Key(
        "forkserver",
        checks.one_of("forkserver", "spawn"),
        "`forkserver`: a process is forked from one that has imported the script, in some 0.1 s, unless the script's "
        "import starts threads or processes, opens files or touches CUDA, or workers get GPUs of their own; `spawn`: "
        "each imports the script itself",
    ),
}
"""The keys of `hydra.launcher`."""
