"""Format each line of the screen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from ..shared.certificate import Certificate
from ..shared.security_updates import SecurityUpdates
from .model import (
    Configuration,
    Disk,
    Maintenance,
    Metrics,
    Notify,
    Ready,
    Releases,
    SessionClearing,
    Status,
    T,
    Unknown,
    Workers,
)

_SESSIONS = {"redis": "Redis", "file": "files"}


def lines(seen: Status) -> Iterator[tuple[str, str]]:
    """Yield names and texts. A text may have several lines."""
    locked = f"; locked {seen.locked}" if seen.locked else ""
    yield "release", _shown(seen.releases, _release) + locked
    yield "configuration", _shown(seen.configuration, _configuration)
    yield "workers", _shown(seen.workers, _workers) + _more(seen.metrics, _memory)
    yield "sessions", _shown(seen.sessions, _sessions) + _more(seen.metrics, _stored)
    if not isinstance(seen.ready, Unknown):
        yield "OMERO.server", _servers(seen.ready)
    if not isinstance(seen.releases, Unknown) and seen.releases.seen:
        yield "last deploy", f"last known good {time(seen.releases.seen)}"
    yield "clearsessions", _shown(seen.cleared, _cleared)
    yield "public URL", _shown(seen.url, lambda url: url or "not known")
    if seen.certificate is not None:
        yield "certificate", _shown(seen.certificate, _certificate)
    yield "disk", _shown(seen.disks, _disks)
    if seen.security is not None:
        yield "updates", _shown(seen.security, _security)
    if seen.notify is not None:
        yield "notify", _shown(seen.notify, _notify)
    yield "maintenance", _shown(seen.maintenance, _maintenance)


def _shown(found: T | Unknown, words: Callable[[T], str]) -> str:
    return f"not known: {found.unknown}" if isinstance(found, Unknown) else words(found)


def _more(found: T | Unknown, words: Callable[[T], str]) -> str:
    """Return a text for the end of a line, or "" if the part is unknown."""
    return "" if isinstance(found, Unknown) else words(found)


def _release(found: Releases) -> str:
    serves = found.serves
    if serves is None:
        return "none is active"
    plugins = ", ".join(serves.plugins) or "no plugins"
    return (
        f"{serves.name}: omero-web {serves.omero_web}, Python {serves.python}, {plugins}\n"
        f"since {time(found.since)}; previous: {found.before or 'none'}"
    )


def _configuration(found: Configuration) -> str:
    differs = len(found.mistakes) + len(found.differs)
    state = f"{differs} not as last deployed" if differs else "as last deployed"
    return f"{found.digest[:12]}: {state}, {len(found.by_hand) or 'none'} set manually"


def _workers(found: Workers) -> str:
    older = f", {found.older} older" if found.older else ""
    up = f"; up {span(found.up)}" if found.up is not None else ""
    return f"{found.present} with this release and configuration{older}{up}"


def _memory(found: Metrics) -> str:
    each = sorted(size for name, size in found.memory.items() if name != "master")
    if not each:
        return ""
    whole = size(sum(found.memory.values()))
    return f"\n{whole} with the master, each {size(each[0])} to {size(each[-1])}"


def _sessions(found: str) -> str:
    return _SESSIONS.get(found, found)


def _stored(found: Metrics) -> str:
    text = "" if found.sessions is None else f"; {found.sessions} stored"
    if found.redis_used is None:
        return text
    limit = f"of {size(found.redis_max)}" if found.redis_max else "(no limit)"
    return f"{text}; memory {size(found.redis_used)} {limit}"


def _servers(found: Ready) -> str:
    return "\n".join(f"{name}: {result}" for name, result in found.servers.items()) or "none"


def _cleared(last: SessionClearing | None) -> str:
    if last is None:
        return "not run yet"
    if last.failed:
        return f"FAILED {time(last.time)}"
    counts = "" if last.removed is None else f": {last.removed} removed, {last.kept} kept"
    return f"done {time(last.time)}{counts}"


def _certificate(found: Certificate) -> str:
    if found.problem:
        return f"not known: {found.problem}"
    return found.dates or ("not trusted" if found.days is None else f"{found.days} days left")


def _disks(found: tuple[Disk, ...]) -> str:
    return "\n".join(f"{disk.path}: {size(disk.free)} of {size(disk.size)} free" for disk in found)


def _security(found: SecurityUpdates) -> str:
    if found.lists is None:
        return "not known: apt has no package lists"
    names = ", ".join(found.packages) or "no Debian security update is pending"
    return f"{names}\n(package lists of {time(found.lists)})"


def _notify(found: Notify) -> str:
    state = f"reported: {', '.join(found.problems)}" if found.problems else "no problem is reported"
    if found.silent:
        state = f"silent: {found.silent}"
    waiting = f"\n{found.waiting} not sent" if found.waiting else ""
    return f"{state} (checked {time(found.ran)}){waiting}"


def _maintenance(found: Maintenance | bool | None) -> str:
    if isinstance(found, Maintenance):
        return f"ON{found.until and ' until '}{found.until}: {found.message}"
    return "off" if found is False else "not known: no NGINX on this host"


def time(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "at an unknown time"


def span(seconds: float) -> str:
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"


def size(count: float) -> str:
    """Bytes in units of 1000, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.4g} TB"
