"""Read the parts of the status that the host's files have, without the running service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ..locations import CURRENT, MAINTENANCE, PLANNED, Locations
from ..notify.store import State
from ..processes import PARENT, STARTED, stat
from ..property_names import CACHES, SESSION_ENGINE
from ..releases import installed
from ..shared import regular_file
from ..state import derived
from ..state.desired import Desired
from ..state.engine import Engine, Invalid
from .model import Configuration, Disk, Maintenance, Notify, Releases, SessionClearing, Workers


def time_of(path: Path) -> datetime:
    """Return the mtime of a file or of a link itself. Raises OSError."""
    return datetime.fromtimestamp(path.lstat().st_mtime, UTC).astimezone()


def releases() -> Releases:
    """Return the active release and the previous release."""
    every = installed.list_releases()
    found = {each.state: each for each in every}
    before = found.get("before")
    return Releases(
        found.get("serves"),
        before.name if before else None,
        time_of(CURRENT) if CURRENT.is_symlink() else None,
        tuple(each.name for each in every if each.damaged),
        installed.host_python(),
    )


def configuration(engine: Engine) -> Configuration:
    """Compare the configuration with the last deploy. Raises Unreadable, OSError and ValueError."""
    digest = engine.digest()
    try:
        plan = engine.plan(Desired.load(engine.locations.desired_state))
    except Invalid as error:
        names = tuple(dict.fromkeys(finding.subject for finding in error.findings))
        return Configuration(digest, mistakes=names)
    return Configuration(
        digest,
        tuple(change.name for change in plan.changes),
        tuple(sorted({*plan.drift, *plan.kept})),
    )


def workers(engine: Engine) -> Workers:
    """Count the workers by the release and configuration in their files."""
    present, locations = engine.identity(), engine.locations
    serving = {}
    for path in locations.workers.glob("[0-9]*"):
        with suppress(OSError, UnicodeDecodeError):  # it has just ended, or it is not a worker's
            # another process may have the ID of a killed worker
            if b"gunicorn" in Path("/proc", path.name, "cmdline").read_bytes():
                serving[int(path.name)] = regular_file.read_text(path, limit=200)
    changed = [time_of(path) for path in (locations.config_xml, CURRENT) if path.exists()]
    newest = max(changed, default=datetime.now(UTC))
    return Workers(
        present=sum(each == present for each in serving.values()),
        older=sum(each != present for each in serving.values()),
        settled=(datetime.now(UTC) - newest).total_seconds(),
        up=_up(serving),
    )


def _up(serving: Iterable[int]) -> float | None:
    """Return the age in seconds of the master that started last; None without a master."""
    ages = []
    for pid in serving:
        with suppress(FileNotFoundError, ProcessLookupError):
            ages.append(_age(int(stat(pid)[PARENT])))
    return min(ages, default=None)


def _age(pid: int) -> float:
    """Return the seconds since a process started."""
    up = float(Path("/proc/uptime").read_text("ascii").split()[0])
    return up - int(stat(pid)[STARTED]) / os.sysconf("SC_CLK_TCK")


def sessions(engine: Engine) -> str:
    """Return the kind of the session store: `redis`, `file` or the engine. Raises Unreadable."""
    name = engine.effective(SESSION_ENGINE) or ""
    if name == derived.FILE_ENGINE:
        return "file"
    if name == derived.CACHE_ENGINE and "redis" in (engine.effective(CACHES) or ""):
        return "redis"
    return name


def cleared(locations: Locations) -> SessionClearing | None:
    """Return the last clearsessions; None before the first. Raises OSError and ValueError."""
    if not locations.cleared.exists():
        return None
    try:
        last = regular_file.read_json(locations.cleared)
        time = datetime.fromisoformat(last["time"]).astimezone()
        return SessionClearing(time, last["removed"], last["kept"], last["failed"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{locations.cleared} is not readable ({error})") from None


def disks(*folders: Path) -> tuple[Disk, ...]:
    """Return the file system of each directory, each once. Raises OSError."""
    found = {folder.stat().st_dev: folder for folder in reversed(folders)}
    usage = {folder: shutil.disk_usage(folder) for folder in reversed(found.values())}
    return tuple(Disk(str(folder), used.free, used.total) for folder, used in usage.items())


def maintenance() -> Maintenance | bool | None:
    """Return the planned maintenance; False: off; None: no NGINX on this host. Raises OSError."""
    shown = PLANNED / "planned"
    if not shown.exists():
        return False if MAINTENANCE.exists() else None
    until = shown / "until"
    end = until.read_text("utf-8").strip() if until.exists() else ""
    return Maintenance(" ".join((shown / "message").read_text("utf-8").split()), end)


def notify(path: Path) -> Notify | None:
    """Return what is reported about this host; None if nobody is notified. Raises OSError, …"""
    if not path.exists():
        return None
    state = State.parse(path.read_text("utf-8"))
    last = state.waiting[-1] if state.waiting else None
    return Notify(
        datetime.fromtimestamp(state.ran).astimezone(),
        state.silent,
        tuple(name for name, each in state.history.known.items() if each.well_since is None),
        len(state.waiting),
        datetime.fromtimestamp(state.waiting[0].since).astimezone() if last else None,
        last.error if last else "",
    )
