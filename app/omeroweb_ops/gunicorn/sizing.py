"""How many workers and threads a machine can carry, where the site has not said it
(omero.web.wsgi_workers, omero.web.wsgi_threads).

gunicorn's own rule is two for each core and one more (https://gunicorn.org/design/, "How Many
Workers?"). Each has some threads, most of which wait: for OMERO.server, or for a visitor who
downloads. If memory does not allow so many workers, threads of those that there are make up for
them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

MAX_WORKERS = 17  # of more, an OMERO.server feels the load before a core does
FEWEST = 2  # one may be busy
THREADS = 5  # two downloads, two logins, and one for pages
WORKER_MEMORY = 256 << 20  # bytes: what a worker may well grow to
_CGROUP = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def workers(cores: float, memory: int) -> int:
    """The number of workers for cores and bytes of memory."""
    return max(FEWEST, min(at_once(cores), memory // WORKER_MEMORY))


def threads(cores: float, memory: int) -> int:
    """The number of threads of each of those workers."""
    return max(THREADS, math.ceil(at_once(cores) / workers(cores, memory)))


def at_once(cores: float) -> int:
    """Requests that are to be worked on at the same time, at least."""
    return max(FEWEST, min(int(2 * cores) + 1, MAX_WORKERS))


def cores(root: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> float:
    """Cores that this process may use; a quota of a cgroup above it counts (cpu.max, in version 1
    cpu.cfs_quota_us)."""
    found: list[float] = [len(os.sched_getaffinity(0))]
    for folder in _above("cpu", root, membership):
        quota, _, period = _first(folder / "cpu.max").partition(" ")
        if not quota:
            quota, period = (_first(folder / f"cpu.cfs_{each}_us") for each in ("quota", "period"))
        if quota.isdigit() and period.isdigit():
            found.append(int(quota) / int(period))
    return min(found)


def memory(root: Path = _CGROUP, membership: Path = _MEMBERSHIP) -> int:
    """Bytes of memory that this process may use; cgroups' limits above it count."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder in _above("memory", root, membership):
        names = ("memory.max", "memory.high", "memory.limit_in_bytes")
        found += [
            int(limit) for limit in (_first(folder / name) for name in names) if limit.isdigit()
        ]
    return min(found)


def _above(controller: str, root: Path, membership: Path) -> Iterator[Path]:
    """The folders of this process' own cgroup and of those above it, in either version
    (cgroups(7), "/proc files"); in a container the uppermost is the container's own."""
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
