"""Check the web host itself: port, OMERO.servers, session store, configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...login_page import works
from ...property_names import ALLOWED_HOSTS, DEBUG, PORT, PREFIX, SERVER_LIST
from ..public_probe import PublicState
from ..result import CheckResult


def findings(seen: PublicState) -> Iterator[CheckResult]:
    yield from _service(seen)
    if seen.local.release:
        yield CheckResult("release", "warning", f"{seen.local.release}; deploy again")
    yield from _servers(seen)
    yield _sessions(seen)
    if not allowed(seen):
        yield CheckResult(
            "allowed hosts",
            "error",
            f"{seen.expected.host} is not an allowed host: OMERO.web answers 400",
            ALLOWED_HOSTS,
        )
    if seen.local.properties.get(DEBUG):
        message = "debug mode shows internals to visitors, and logs confidential data"
        yield CheckResult("debug mode", "warning", message, DEBUG)
    prefix = str(seen.local.properties.get(PREFIX) or "").rstrip("/")
    if prefix != seen.expected.prefix:
        message = f"OMERO.web has the prefix {prefix or '(none)'}, the public URL has another"
        yield CheckResult("prefix", "error", message, PREFIX)


def allowed(seen: PublicState) -> bool:
    """Return whether ALLOWED_HOSTS has the public name ('.name' includes subdomains)."""
    host = seen.expected.host.lower()
    patterns = [str(each).lower() for each in seen.local.properties.get(ALLOWED_HOSTS) or ()]
    return any(
        pattern in ("*", host)
        or (pattern.startswith(".") and (host == pattern[1:] or host.endswith(pattern)))
        for pattern in patterns
    )


def _service(seen: PublicState) -> Iterator[CheckResult]:
    own = seen.local.own
    if works(own.status, seen.local.login):
        yield CheckResult("service", "ok", f"OMERO.web answers on {seen.local.base}")
    elif not own.status:
        message = f"{own}. Run `omero web start`, and check its log"
        yield CheckResult("service", "error", message, PORT)
    elif allowed(seen):
        yield CheckResult("service", "error", f"{own}; check OMERO.web's log")


def _servers(seen: PublicState) -> Iterator[CheckResult]:
    for place, problem in seen.local.servers.items():
        if problem:
            message = f"{place} is unreachable ({problem}): nobody can log in there"
            yield CheckResult("OMERO.server", "warning", message, SERVER_LIST)
        else:
            yield CheckResult("OMERO.server", "ok", f"{place} accepts connections")


def _sessions(seen: PublicState) -> CheckResult:
    if seen.local.sessions:
        problem, setting = seen.local.sessions
        return CheckResult("sessions", "error", f"{problem}: nobody can log in", setting)
    if seen.local.memory.scarce:
        return CheckResult("sessions", "warning", str(seen.local.memory), "redis_maxmemory")
    return CheckResult("sessions", "ok", "the session store works")
