"""Look at everything once, each part by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Thread

from .. import security_updates
from ..doctor import certificate
from ..doctor.certificate import Certificate
from ..doctor.expected import Expected
from ..locations import BASE, Locations
from ..state.engine import Engine
from . import host, service
from .seen import Seen, T, Unknown, part

APT_TIMEOUT = 20.0  # seconds; it takes half a second of a processor that has nothing else to do
_PATIENCE = 3.0  # seconds for the public URL, which is asked meanwhile


def collect(engine: Engine) -> Seen:
    """Never raises for what is broken on the host."""
    locations = engine.locations
    security = meanwhile(security_updates.pending, APT_TIMEOUT)
    tls = meanwhile(lambda: _certificate(locations))
    ready = part(lambda: service.ask_ready(service.address(engine)))
    broken = isinstance(part(lambda: engine.current), Unknown)
    without = Unknown("without the configuration")
    configured = part(lambda: host.time_of(locations.lock))
    return Seen(
        now=datetime.now().astimezone(),
        configured=None if isinstance(configured, Unknown) else configured,
        ready=ready,
        metrics=ready
        if isinstance(ready, Unknown)
        else part(lambda: service.ask_metrics(service.address(engine))),
        releases=part(host.installed),
        configuration=part(lambda: host.configuration(engine)),
        workers=without if broken else part(lambda: host.workers(engine)),
        sessions=without if broken else part(lambda: host.sessions(engine)),
        cleared=part(lambda: host.cleared(locations)),
        disks=part(lambda: host.disks(BASE, locations.omerodir / "var")),
        maintenance=part(host.maintenance),
        url=part(lambda: Expected.load(locations.site).url),
        certificate=tls(),
        security=security(),
        locked=security_updates.lock_date(),
    )


def meanwhile(look: Callable[[], T], timeout: float | None = None) -> Callable[[], T | Unknown]:
    """Look in a thread that nobody waits for longer than the timeout, whatever a resolver does."""
    limit = _PATIENCE if timeout is None else timeout
    found: list[T | Unknown] = []
    thread = Thread(target=lambda: found.append(part(look)), daemon=True)
    thread.start()

    def result() -> T | Unknown:
        thread.join(limit)
        return found[0] if found else Unknown(f"no answer within {limit:g} seconds")

    return result


def _certificate(locations: Locations) -> Certificate | None:
    expected = Expected.load(locations.site)
    if not expected.secure:
        return None
    return certificate.examine(expected.host, expected.port, expected.host)
