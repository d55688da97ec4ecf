"""Find pending security updates of Debian, and the age of the release's lock.

Nothing is downloaded: the package lists come from Debian's daily timer or `apt-get update`. Cron
runs `omeroweb-ops updates` daily, which stores its result for the metrics.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from ..locations import CURRENT, Locations
from . import regular_file

TIMEOUT = 60  # seconds; apt usually needs half a second
LISTS = Path("/var/lib/apt/lists")
LOCK_DATE = re.compile(r"^# Locked: (\d{4}-\d\d-\d\d)\b", re.M)
_LOCK_HEADER_SIZE = 2000  # bytes
# Without root and without apt's lock; apt-get(8).
SIMULATION = ["apt-get", "-s", "-q", "-o", "Debug::NoLocking=true", "upgrade"]
# Inst nginx [1.22.1-9+deb12u9] (1.22.1-9+deb12u11 Debian-Security:12/oldstable-security [amd64])
_UPGRADE = re.compile(r"^Inst (?P<package>\S+) \[\S+\] \((?P<candidate>[^)]*)\)", re.M)


@dataclass(frozen=True)
class SecurityUpdates:
    """The pending security updates of this host.

    time: of the check. packages: names of Debian packages. lists: when apt's lists were last
    fetched; None without lists, so that nothing is known.
    """

    time: datetime
    packages: tuple[str, ...]
    lists: datetime | None


def pending() -> SecurityUpdates | None:
    """Return the pending updates; None without apt (as in a minimal image).

    Raises OSError, ValueError if apt fails, subprocess.TimeoutExpired.
    """
    try:
        done = subprocess.run(
            SIMULATION,
            env={"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        return None
    if done.returncode:
        raise ValueError(f"apt-get: {' '.join(done.stderr.split())[:300]}")
    now = datetime.now().astimezone()
    return SecurityUpdates(now, tuple(security(done.stdout)), fetched(LISTS))


def security(simulation: str) -> Iterator[str]:
    """Yield the packages of `apt-get -s upgrade` that come from a security archive.

    Debian's archive has the label Debian-Security, and its suites end in -security as Ubuntu's do.
    """
    for found in _UPGRADE.finditer(simulation):
        origins = found["candidate"].split("[")[0]
        if re.search(r"\bDebian-Security:|-security\b", origins):
            yield found["package"]


def fetched(lists: Path) -> datetime | None:
    """Return when apt last fetched its lists; None if it has none."""
    times = [path.stat().st_mtime for path in lists.glob("*Release")]
    return datetime.fromtimestamp(max(times)).astimezone() if times else None


def lock_date(release: Path = CURRENT) -> date | None:
    """Return the date of the lock that a release was built from; None if the lock has none."""
    try:
        with open(release / "requirements.txt", encoding="utf-8") as lock:
            found = LOCK_DATE.search(lock.read(_LOCK_HEADER_SIZE))
        return date.fromisoformat(found[1]) if found else None
    except (OSError, ValueError):
        return None


def report(locations: Locations) -> int:
    """Print the pending updates and store them for the metrics. Return 1 if there are any."""
    found = pending()
    if found is None:
        print("This system has no apt.")
        return 0
    kept = {
        "time": found.time.isoformat(timespec="seconds"),
        "packages": found.packages,
        "lists": found.lists.isoformat(timespec="seconds") if found.lists else None,
    }
    regular_file.replace(locations.security_updates, json.dumps(kept).encode(), sync=False)
    if found.lists is None:
        print("apt has no package lists; run apt-get update")
        return 1
    names = ", ".join(found.packages) or "none"
    print(f"Pending security updates: {names} (lists of {found.lists:%Y-%m-%d %H:%M})")
    return 1 if found.packages else 0
