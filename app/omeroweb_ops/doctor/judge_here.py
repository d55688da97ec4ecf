"""The web host's own side: OMERO.web's port, its neighbours, its configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..ready import ALLOWED
from ..state.derived import PREFIX
from . import here
from .finding import Finding
from .observe import Observed


def findings(seen: Observed) -> Iterator[Finding]:
    yield from _service(seen)
    if seen.here.release:
        yield Finding("release", "warning", f"{seen.here.release}; deploy again")
    yield from _servers(seen)
    yield _sessions(seen)
    if not allowed(seen):
        yield Finding(
            "allowed hosts",
            "error",
            f"{seen.expected.host} is none of them: OMERO.web answers 400",
            ALLOWED,
        )
    if seen.here.properties.get(here.DEBUG):
        message = "debug mode shows visitors what is inside, and logs what is confidential"
        yield Finding("debug mode", "warning", message, here.DEBUG)
    prefix = str(seen.here.properties.get(PREFIX) or "").rstrip("/")
    if prefix != seen.expected.prefix:
        message = f"OMERO.web has the prefix {prefix or '(none)'}, the public URL another"
        yield Finding("prefix", "error", message, PREFIX)


def allowed(seen: Observed) -> bool:
    """Whether OMERO.web takes the public name (Django's ALLOWED_HOSTS: '.name' has subdomains)."""
    host = seen.expected.host.lower()
    patterns = [str(each).lower() for each in seen.here.properties.get(ALLOWED) or ()]
    return any(
        pattern in ("*", host)
        or (pattern.startswith(".") and (host == pattern[1:] or host.endswith(pattern)))
        for pattern in patterns
    )


def _service(seen: Observed) -> Iterator[Finding]:
    own = seen.here.own
    if own.status == 200:
        yield Finding("service", "ok", f"OMERO.web answers on {seen.here.base}")
    elif not own.status:
        message = f"{own}. Run `omero web start`, and see its log"
        yield Finding("service", "error", message, here.PORT)
    elif allowed(seen):
        yield Finding("service", "error", f"{own}; see OMERO.web's log")


def _servers(seen: Observed) -> Iterator[Finding]:
    for place, problem in seen.here.servers.items():
        if problem:
            message = f"{place} cannot be reached ({problem}): nobody can log in there"
            yield Finding("OMERO.server", "warning", message, here.SERVERS)
        else:
            yield Finding("OMERO.server", "ok", f"{place} takes connections")


def _sessions(seen: Observed) -> Finding:
    if seen.here.sessions:
        problem, setting = seen.here.sessions
        return Finding("sessions", "error", f"{problem}: nobody can log in", setting)
    if seen.here.memory.scarce:
        return Finding("sessions", "warning", str(seen.here.memory), "redis_maxmemory")
    return Finding("sessions", "ok", "their store can be used")
