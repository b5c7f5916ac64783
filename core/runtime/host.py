"""The CPUs and GPUs available to this process. Needs no torch: some of it is used before torch loads."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CARDS = Path("/proc/driver/nvidia/gpus")
"""A folder for each GPU of Nvidia's."""

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


def cores() -> int:
    """Cores that this process may use: its CPU affinity, and the CPU quota of its container."""
    return min(_allowed_cores(), cpu_quota() or _allowed_cores())


def cpu_quota(mount: Path = CGROUPS, own: Path = OWN_CGROUPS) -> int | None:
    """The CPU quota of this process's cgroups (`docker run --cpus`, Kubernetes limits), in cores rounded up.

    The smallest of its group and all groups above. None: no quota, or one above the cores that there are. Reads cgroup
    v2 (`cpu.max`) and v1 (`cpu.cfs_quota_us`); see the kernel's Documentation/admin-guide/cgroup-v2.rst.
    """
    quotas = [quota for folder in _cpu_groups(mount, own) if (quota := _quota_of(folder)) is not None]
    if not quotas or (smallest := max(math.ceil(min(quotas)), 1)) >= _allowed_cores():
        return None
    return smallest


def _allowed_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu_groups(mount: Path, own: Path) -> Iterator[Path]:
    """The folders of this process's CPU cgroup and those above it, as far as they can be seen from here."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        root = mount / controllers if controllers else mount
        group = PurePosixPath(path.lstrip("/"))
        # In a container the path may be the host's, of which only the root is mounted.
        yield from (root / part for part in (group, *group.parents))


def _quota_of(group: Path) -> float | None:
    """Cores' worth of processor time that a cgroup may use; None where it is not limited."""
    try:
        if (limits := group / "cpu.max").is_file():
            quota, period = limits.read_text().split()
        else:
            quota, period = ((group / f"cpu.cfs_{kind}_us").read_text().strip() for kind in ("quota", "period"))
        return None if quota == "max" or int(quota) <= 0 else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None


def count_cards(folder: Path = CARDS) -> int:
    """GPUs that the machine has, whether or not this process may use them."""
    return len(list(folder.iterdir())) if folder.is_dir() else 0
