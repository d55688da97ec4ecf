"""Find the cores and the memory that this process may use, limited by cgroups.

`python cgroup.py BYTES` prints how many processes of so many bytes may run at once. A deploy sends
this file to a host that has no release yet, so it needs the standard library alone.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def processes(each: int, root: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> int:
    """Return how many processes to run at once, if each needs so many bytes of memory."""
    most = min(math.ceil(cores(root, membership)), memory(root, membership) // each)
    return max(1, most)


def cores(root: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> float:
    """Return the cores that this process may use, limited by cgroups' quotas.

    These are cpu.max, in cgroups version 1 cpu.cfs_quota_us.
    """
    found: list[float] = [len(os.sched_getaffinity(0))]
    for folder in _above("cpu", root, membership):
        quota, _, period = _first(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = (_first(folder / f"cpu.cfs_{each}_us") for each in ("quota", "period"))
        if quota.isdigit() and period.isdigit():
            found.append(int(quota) / int(period))
    return min(found)


def memory(root: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> int:
    """Return the bytes of memory that this process may use, limited by cgroups."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder in _above("memory", root, membership):
        names = ("memory.max", "memory.high", "memory.limit_in_bytes")
        found += [
            int(limit) for limit in (_first(folder / name) for name in names) if limit.isdigit()
        ]
    return min(found)


def _above(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """Yield the directories of this process's cgroup and its parents (cgroups(7), "/proc files").

    Both versions of cgroups are read. In a container, the topmost is the container's own.
    """
    lines = membership.read_text(encoding="utf-8").splitlines() if membership.exists() else []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = root / controller if controllers else root
        own = top / path.lstrip("/")
        yield from (own, *(each for each in own.parents if each.is_relative_to(top)))


def _first(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    print(processes(int(sys.argv[1])))
