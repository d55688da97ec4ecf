"""List the releases on this host, and find the configuration with which a release works.

A release is a virtualenv that a deploy has built. Its name is a digest of what it was built from.
Activating another release needs root: `bin/release`, from the web role.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..locations import CURRENT, PREVIOUS, RELEASES
from ..state import config_xml, schema_cache
from ..state.derived import NGINX_DEPENDS_ON
from ..state.engine import Engine
from ..state.snapshot import State
from . import trial

# A file in a release, written last: number and bytes of its files (empty in older releases).
COMPLETE = "complete"
PLUGINS_FILE = "plugins"  # a file in a release: the plugins' package names in one line
HOST_PYTHON = Path("/usr/bin/python3")  # Debian's; a link to its versioned name
# Packages of each release. Without PLUGINS_FILE, other omero-… packages are plugins.
_OF_ALL = ("omero-web", "omero-py", "omero-marshal")


@dataclass(frozen=True)
class Release:
    """An installed release.

    state: `serves` (active), `before` (previous) or `kept`. damaged: files are missing. served:
    when it was last known good. runs: whether the Python that it was built for exists.
    """

    name: str
    state: str
    omero_web: str
    python: str
    plugins: tuple[str, ...]
    built: datetime | None
    served: datetime | None
    damaged: bool = False
    runs: bool = True

    def other_python(self, host: str | None) -> str | None:
        """Return a warning if the host's own Python has another version than the release's.

        That is after an upgrade of Debian, which removes the previous Python's packages.
        """
        if host is None or self.python in ("?", host):
            return None
        return f"release {self.name} was built for Python {self.python}, this host has {host}"


def serving() -> Release:
    """Return the active release. Raises OSError."""
    return _read(CURRENT.resolve(strict=True))


def list_releases(folder: Path = RELEASES) -> list[Release]:
    """Return every complete release, the latest first."""
    complete = [path for path in folder.iterdir() if (path / COMPLETE).exists()]
    return sorted(map(_read, complete), key=lambda each: str(each.built), reverse=True)


def _read(path: Path) -> Release:
    folders = [*path.glob("lib/python3.*/site-packages")]
    versions = _versions(folders)
    python = folders[0].parent.name.removeprefix("python") if folders else "?"
    links = {CURRENT.resolve(): "serves", PREVIOUS.resolve(): "before"}
    return Release(
        name=path.name,
        state=links.get(path.resolve(), "kept"),
        omero_web=versions.get("omero-web", "?"),
        python=python,
        plugins=tuple(f"{name} {versions.get(name, '?')}" for name in _plugins(path, versions)),
        built=_time(path / COMPLETE),
        served=_time(path / "served"),
        damaged="omero-web" not in versions or not _whole(path),
        runs=_python(path / "bin" / "python") == python,
    )


def host_python() -> str | None:
    """Return the version of Debian's own Python, for which a deploy builds; None without Python."""
    return _python(HOST_PYTHON)


def _python(link: Path) -> str | None:
    """Return the version in the name of a Python, after all links; None if it does not exist."""
    target = link.resolve()
    return target.name.removeprefix("python") if target.exists() else None


def _whole(path: Path) -> bool:
    """Return whether a release has at least as many files and bytes as were built.

    Packages that somebody has added are not damage. roles/operations/release_files.sh counts the
    same files.
    """
    noted = (path / COMPLETE).read_text(encoding="ascii").split()
    if not noted:
        return True
    count = size = 0
    for top in ("bin", "lib"):
        for folder, folders, names in os.walk(path / top):
            folders[:] = [name for name in folders if name != "__pycache__"]
            for name in names:
                found = os.lstat(os.path.join(folder, name))
                if stat.S_ISREG(found.st_mode):
                    count += 1
                    size += found.st_size
    return count >= int(noted[0]) and size >= int(noted[1])


def _versions(folders: Iterable[Path]) -> dict[str, str]:
    """Return the version of each installed package by its normalized name."""
    found = [each.stem.partition("-") for path in folders for each in path.glob("*.dist-info")]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in found}


def _plugins(path: Path, versions: Mapping[str, str]) -> list[str]:
    """Return the plugins in PLUGINS_FILE; older releases do not have this file."""
    try:
        return (path / PLUGINS_FILE).read_text(encoding="utf-8").split()
    except FileNotFoundError:
        own = [name for name in versions if name.startswith("omero-") and name not in _OF_ALL]
        return sorted(own)


def _time(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except FileNotFoundError:
        return None


def table() -> str:
    """Return the table of `omeroweb-ops release list`."""
    from tabulate import tabulate

    def shown(time: datetime | None) -> str:
        return time.strftime("%Y-%m-%d %H:%M") if time else "-"

    rows = [
        (r.name, _shown(r), r.omero_web, r.python, ", ".join(r.plugins) or "-", shown(r.built),
         shown(r.served))
        for r in list_releases()
    ]  # fmt: skip
    headers = ("release", "", "omero-web", "Python", "plugins", "built", "last served")
    return tabulate(rows, headers, disable_numparse=True)


def _shown(release: Release) -> str:
    """Return a release's state. A damaged active release may keep running from memory."""
    wrong = "damaged" if release.damaged else "" if release.runs else f"no Python {release.python}"
    if not wrong:
        return release.state
    return wrong if release.state == "kept" else f"{release.state}, {wrong}"


def note(engine: Engine) -> str:
    """Mark the active release as last known good, and save a snapshot of its configuration.

    Returns 'RELEASE DIGEST'.
    """
    present = engine.identity()
    trial.remember(engine, engine.current)
    engine.state().write(engine.locations.kept(schema_cache.current_release()))
    for path in _forgotten(engine):
        path.unlink()
    return present


def suitable(engine: Engine) -> State | None:
    """Return the configuration that this release works with: None (the present) or its snapshot.

    Raises ValueError with the reasons if it works with neither.
    """
    reason = trial.failure(engine, engine.current)
    if reason is None:
        return None
    reasons = [f"with the present configuration: {reason}"]
    try:
        snapshot = kept(engine)
    except config_xml.Unreadable:
        snapshot = None
    if snapshot:
        moved = [
            name
            for name in NGINX_DEPENDS_ON
            if snapshot.properties.get(name) != engine.current.get(name)
        ]
        reason = trial.failure(engine, snapshot.properties)
        if reason is None and not moved:
            return snapshot
        wrong = f"{', '.join(moved)} differs, and NGINX depends on it" if moved else reason
        reasons.append(f"with its own configuration: {wrong}")
    raise ValueError("; ".join(reasons))


def kept(engine: Engine) -> State:
    """Return the snapshot of this release's last configuration. Raises Unreadable without one."""
    return State.read(engine.locations.kept(schema_cache.current_release()))


def _forgotten(engine: Engine) -> list[Path]:
    """Return the snapshots of releases that were removed."""
    pattern = engine.locations.kept("[0-9a-f]" * 12)
    kept = pattern.parent.glob(pattern.name)
    return [path for path in kept if not (RELEASES / path.name.split(".")[1]).exists()]
