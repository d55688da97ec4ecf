"""Releases on this host: which there are, whether one can serve again, and with what.

A release is a folder with its own Python, made by a deploy and named by what made it. What switches
between them needs root: `bin/release`, from the web role.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path

from . import trial
from .locations import CURRENT, PREVIOUS, RELEASES
from .state import config_xml, known
from .state.derived import BOUND
from .state.engine import Engine
from .state.history import State

_OF_ALL = ("omero-web", "omero-py")  # of each release; other omero-… packages are plugins


@dataclass(frozen=True)
class Release:
    """One release. state: `serves`, `before` or `kept`. served: when it was last seen to serve."""

    name: str
    state: str
    omero_web: str
    python: str
    plugins: tuple[str, ...]
    built: datetime | None
    served: datetime | None


def found(folder: Path = RELEASES) -> list[Release]:
    """Every complete release, the latest first."""
    complete = [path for path in folder.iterdir() if (path / "complete").exists()]
    return sorted(map(_read, complete), key=lambda each: str(each.built), reverse=True)


def _read(path: Path) -> Release:
    (packages,) = path.glob("lib/python3.*/site-packages")
    versions = {each.name: each.version for each in distributions(path=[str(packages)])}
    plugins = [name for name in versions if name.startswith("omero-") and name not in _OF_ALL]
    links = {CURRENT.resolve(): "serves", PREVIOUS.resolve(): "before"}
    return Release(
        name=path.name,
        state=links.get(path.resolve(), "kept"),
        omero_web=versions.get("omero-web", "?"),
        python=packages.parent.name.removeprefix("python"),
        plugins=tuple(f"{name} {versions[name]}" for name in sorted(plugins)),
        built=_time(path / "complete"),
        served=_time(path / "served"),
    )


def _time(path: Path) -> datetime | None:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime).astimezone()
    except FileNotFoundError:
        return None


def table() -> str:
    """The releases for people to read."""
    from tabulate import tabulate

    def shown(time: datetime | None) -> str:
        return time.strftime("%Y-%m-%d %H:%M") if time else "-"

    rows = [
        (r.name, r.state, r.omero_web, r.python, ", ".join(r.plugins) or "-", shown(r.built),
         shown(r.served))
        for r in found()
    ]  # fmt: skip
    headers = ("release", "", "omero-web", "Python", "plugins", "built", "last served")
    return tabulate(rows, headers, disable_numparse=True)


def note(engine: Engine) -> str:
    """What is linked now has been seen to serve: its configuration is kept with it.

    Returns the release and its configuration's digest.
    """
    present = engine.identity()
    engine.state().write(engine.locations.kept(known.release()))
    for path in _forgotten(engine):
        path.unlink()
    return present


def suitable(engine: Engine) -> State | None:
    """The configuration with which this release can serve: None is the present one, else the one
    with which it last served.

    Raises ValueError with the reason where it can serve with neither.
    """
    reason = trial.failure(engine, engine.current)
    if reason is None:
        return None
    reasons = [f"with the present configuration: {reason}"]
    try:
        then = kept(engine)
    except config_xml.Unreadable:
        then = None
    if then:
        moved = [name for name in BOUND if then.properties.get(name) != engine.current.get(name)]
        reason = trial.failure(engine, then.properties)
        if reason is None and not moved:
            return then
        said = f"{', '.join(moved)} was another, and NGINX depends on it" if moved else reason
        reasons.append(f"with that of then: {said}")
    raise ValueError("; ".join(reasons))


def kept(engine: Engine) -> State:
    """The configuration with which this release has last served; raises Unreadable without."""
    return State.read(engine.locations.kept(known.release()))


def _forgotten(engine: Engine) -> list[Path]:
    """Kept configurations of releases that are gone."""
    pattern = engine.locations.kept("[0-9a-f]" * 12)
    kept = pattern.parent.glob(pattern.name)
    return [path for path in kept if not (RELEASES / path.name.split(".")[1]).exists()]
