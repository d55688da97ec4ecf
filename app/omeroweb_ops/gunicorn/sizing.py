"""Compute the default numbers of workers and threads for a machine.

omero.web.wsgi_workers and omero.web.wsgi_threads replace them. gunicorn's rule is two workers for
each core and one more (https://gunicorn.org/design/, "How Many Workers?"). Each worker has several
threads, most of which wait for OMERO.server or for a visitor's download. If memory allows fewer
workers, each worker gets more threads.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

MAX_WORKERS = 17  # more workers would overload an OMERO.server before a core
FEWEST = 2  # because one may be busy
THREADS = 5  # two downloads, two logins, and one for pages
WORKER_MEMORY = 256 << 20  # bytes that a worker often grows to
_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def workers(cores: float, memory: int) -> int:
    """Return the number of workers for cores and bytes of memory."""
    return max(FEWEST, min(at_once(cores), memory // WORKER_MEMORY))


def threads(cores: float, memory: int) -> int:
    """Return the number of threads of each worker."""
    return max(THREADS, math.ceil(at_once(cores) / workers(cores, memory)))


def at_once(cores: float) -> int:
    """Return the least number of requests to process at the same time."""
    return max(FEWEST, min(int(2 * cores) + 1, MAX_WORKERS))


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
