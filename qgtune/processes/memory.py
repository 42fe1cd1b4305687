"""What processes use of the memory, and whom the system has ended for want of it."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

_MIB = 2**20
_RESET_PEAK = "5"  # what the kernel wants to read there


def oom_kills() -> int | None:
    """Return how many processes of this control group the kernel has ended for want of memory; None if unknown."""
    with suppress(OSError, ValueError, StopIteration):
        group = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
        events = Path("/sys/fs/cgroup", group.removeprefix("0::/"), "memory.events").read_text()
        return next(int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill "))
    return None


def start_peak() -> None:
    """Let the peaks of this process start anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    if (cuda := _cuda()) is not None:
        cuda.reset_peak_memory_stats()


def peak() -> dict[str, int]:
    """Return the most that this process has used since `start_peak`, in MiB: `rss_mib`, and `gpu_mib` of torch's."""
    found: dict[str, int] = {}
    with suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        found["rss_mib"] = next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))
    if (cuda := _cuda()) is not None:
        found["gpu_mib"] = int(cuda.max_memory_allocated()) // _MIB
    return found


def _cuda() -> Any:
    """Return `torch.cuda` where the user's code has imported torch and uses a GPU; nothing is imported or started."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_available() and cuda.is_initialized() else None
