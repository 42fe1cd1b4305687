"""The machine, the packages and the launcher that a sweep runs with."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any

from qgtune.processes.slots import n_cores

NVIDIA_SMI_S = 10.0
_QUERY = ("index", "name", "memory.total", "driver_version", "uuid")
_KNOWN = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS", "SLURM_JOB_ID", "SLURM_JOB_PARTITION", "SLURM_JOB_NODELIST")


def packages() -> dict[str, str]:
    """Return the version of each installed package, by name."""
    found: dict[str, str] = {}
    for package in metadata.distributions():
        with suppress(Exception):  # what is half removed has no name
            found.setdefault(package.metadata["Name"], package.version)  # the first on the path is the one in use
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def python() -> dict[str, str]:
    """Return which Python this is."""
    return {
        "version": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
    }


def hardware() -> dict[str, Any]:
    """Return what this machine is; null for what it does not tell."""
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "n_cores": n_cores(),
        "memory_bytes": _memory_bytes(),
        "gpus": _gpus(),
    }


def environment() -> dict[str, str]:
    """Return the variables that say where a sweep runs."""
    return {name: os.environ[name] for name in _KNOWN if name in os.environ}


def _cpu() -> str | None:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or None


def _memory_bytes() -> int | None:
    with suppress(ValueError, OSError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return None


def _gpus() -> list[dict[str, str]] | None:
    command = ["nvidia-smi", f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603 - drivers put it in different places, all on PATH
            command, capture_output=True, text=True, check=True, timeout=NVIDIA_SMI_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return [dict(zip(_QUERY, map(str.strip, line.split(",")), strict=False)) for line in done.stdout.splitlines()]
