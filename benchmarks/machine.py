"""Describe the machine that runs a benchmark, without names and paths of its own."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

BUSY = 0.5  # load for each core, from which a machine is called busy


@dataclass(frozen=True)
class Machine:
    """What figures depend on. memory: GB. load: average of the last minute at the start."""

    cores: int
    cpu: str
    memory: float
    kernel: str
    system: str
    load: float

    @property
    def is_busy(self) -> bool:
        """Whether the machine had other work when the benchmark began."""
        return self.load > BUSY * self.cores

    def __str__(self) -> str:
        busy = ", busy machine" if self.is_busy else ""
        return (
            f"{self.cores} cores ({self.cpu}), {self.memory:.0f} GB of memory, "
            f"Linux {self.kernel}, {self.system}, load {self.load:.1f} at the start{busy}"
        )

    def as_json(self) -> dict[str, object]:
        """Return the fields for JSON."""
        return asdict(self)


def describe() -> Machine:
    """Describe this machine. Sources: /proc/cpuinfo, /proc/meminfo, /etc/debian_version."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        cpu=cpu_model(Path("/proc/cpuinfo").read_text()),
        memory=memory_size(Path("/proc/meminfo").read_text()),
        kernel=kernel_version(platform.release()),
        system=f"Debian {Path('/etc/debian_version').read_text().strip()}",
        load=round(os.getloadavg()[0], 2),
    )


def cpu_model(cpuinfo: str) -> str:
    """Return the name of the first CPU."""
    found = re.search(r"^model name\s*: (.+)$", cpuinfo, re.M)
    return " ".join(found[1].split()) if found else "unknown CPU"


def memory_size(meminfo: str) -> float:
    """Return the memory in GB."""
    found = re.search(r"^MemTotal:\s+(\d+) kB$", meminfo, re.M)
    return round(int(found[1]) / 2**20, 1) if found else 0.0


def kernel_version(release: str) -> str:
    """Return the number of a kernel's release, without the name that a site gives its build."""
    found = re.match(r"[\d.]+", release)
    return found[0].rstrip(".") if found else release


def commit() -> str:
    """Return the short commit of this checkout, with a `+` if its code differs from the commit.

    The documentation does not count, because results are written into it.
    """
    found = _git("rev-parse", "--short", "HEAD")
    if found.returncode:
        return "unknown"
    paths = (".", ":(exclude)docs", ":(exclude)README.md")
    is_changed = _git("diff", "--quiet", "HEAD", "--", *paths).returncode != 0
    return found.stdout.strip() + "+" * is_changed


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[1]
    return subprocess.run(
        ["git", *arguments], cwd=root, capture_output=True, text=True, check=False
    )


def today() -> str:
    """Return the date in UTC, as ISO 8601."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()
