"""Collect each part of the status once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Thread

from ..locations import BASE, RENEWAL_FAILURE, Locations
from ..notify.store import STATE
from ..shared import certificate, renewal, security_updates
from ..shared.certificate import Certificate
from ..shared.expectations import Expectations
from ..state.engine import Engine
from . import local_files, ops_endpoints
from .model import Status, T, Unknown, try_read

APT_TIMEOUT = 20.0  # seconds; apt needs half a second on an idle processor
_URL_TIMEOUT = 3.0  # seconds for the public URL's certificate, in the background


def collect(engine: Engine) -> Status:
    """Return the status. A broken part of the host is Unknown and raises nothing."""
    locations = engine.locations
    security = in_background(security_updates.pending, APT_TIMEOUT)
    tls = in_background(lambda: _certificate(locations))
    ready = try_read(lambda: ops_endpoints.ask_ready(ops_endpoints.address(engine)))
    broken = isinstance(try_read(lambda: engine.current), Unknown)
    without = Unknown("without the configuration")
    configured = try_read(lambda: local_files.time_of(locations.lock))
    return Status(
        now=datetime.now().astimezone(),
        configured=None if isinstance(configured, Unknown) else configured,
        ready=ready,
        metrics=ready
        if isinstance(ready, Unknown)
        else try_read(lambda: ops_endpoints.ask_metrics(ops_endpoints.address(engine))),
        releases=try_read(local_files.releases),
        configuration=try_read(lambda: local_files.configuration(engine)),
        workers=without if broken else try_read(lambda: local_files.workers(engine)),
        sessions=without if broken else try_read(lambda: local_files.sessions(engine)),
        cleared=try_read(lambda: local_files.cleared(locations)),
        disks=try_read(lambda: local_files.disks(BASE, locations.omerodir / "var")),
        maintenance=try_read(local_files.maintenance),
        url=try_read(lambda: Expectations.load(locations.site).url),
        certificate=tls(),
        security=security(),
        locked=security_updates.lock_date(),
        renewal=try_read(lambda: renewal.failure(RENEWAL_FAILURE)),
        notify=try_read(lambda: local_files.notify(STATE)),
    )


def in_background(look: Callable[[], T], timeout: float | None = None) -> Callable[[], T | Unknown]:
    """Call a function in a thread, and return a function that waits for its result.

    The wait is limited by the timeout in seconds, also if a resolver hangs.
    """
    limit = _URL_TIMEOUT if timeout is None else timeout
    found: list[T | Unknown] = []
    thread = Thread(target=lambda: found.append(try_read(look)), daemon=True)
    thread.start()

    def result() -> T | Unknown:
        thread.join(limit)
        return found[0] if found else Unknown(f"no answer within {limit:g} seconds")

    return result


def _certificate(locations: Locations) -> Certificate | None:
    expected = Expectations.load(locations.site)
    if not expected.secure:
        return None
    return certificate.examine(expected.host, expected.port, expected.host)
