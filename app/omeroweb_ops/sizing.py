"""How many workers a machine can carry, where the site has not said it (omero.web.wsgi_workers).

gunicorn's own rule is two for each core and one more (https://gunicorn.org/design/, "How Many
Workers?"); memory and a container's limits may allow less.
"""

from __future__ import annotations

import os
from pathlib import Path

MOST = 17  # of more, an OMERO.server feels the load before a core does
FEWEST = 2  # one may be busy
EACH = 256 << 20  # bytes: what a worker may well grow to
_CGROUP = Path("/sys/fs/cgroup")


def workers(cores: float, memory: int) -> int:
    """The number of workers for cores and bytes of memory."""
    return max(FEWEST, min(int(2 * cores) + 1, memory // EACH, MOST))


def cores(root: Path = _CGROUP, membership: Path = Path("/proc/self/cgroup")) -> float:
    """Cores that this process may use; a quota of a cgroup above it (cpu.max) counts."""
    found: list[float] = [len(os.sched_getaffinity(0))]
    for folder in _above(root, membership):
        quota, _, period = _first(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            found.append(int(quota) / int(period))
    return min(found)


def memory(root: Path = _CGROUP, membership: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes of memory that this process may use; cgroups' limits above it count."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder in _above(root, membership):
        limits = (_first(folder / name) for name in ("memory.max", "memory.high"))
        found += [int(limit) for limit in limits if limit.isdigit()]
    return min(found)


def _above(root: Path, membership: Path) -> list[Path]:
    """The folders of the unified hierarchy from the root to this process' own cgroup."""
    lines = membership.read_text(encoding="utf-8").splitlines() if membership.exists() else []
    path = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    own = root / path
    return [own, *(each for each in own.parents if each.is_relative_to(root))]


def _first(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
