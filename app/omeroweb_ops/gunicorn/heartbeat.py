"""The master reports that the service is alive, to whoever ends one that is not.

No visitor's request is part of it: while all workers wait for an OMERO.server the service is alive.
It is not once the master's own loop stands still, or no worker's loop turns.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

TIMEOUT = "OMEROWEB_OPS_LIVENESS"  # a variable of the unit; seconds
INTERVAL = 5.0  # seconds
# Seconds without a turn of its loop, which takes a second, after which a worker is stuck.
WORKER_TIMEOUT = 3.0


def to_systemd(server: Any) -> None:
    """gunicorn's when_ready hook: systemd's watchdog (sd_notify(3), WATCHDOG and WATCHDOG_USEC).

    The timeout goes with each report: the master before sets it to 0 when it ends, so that a
    release of an older bundle, which reports nothing, can take over.
    """
    timeout = os.environ.get(TIMEOUT)
    if timeout:
        _repeat(server, lambda: _notify(server, f"WATCHDOG_USEC={timeout}000000\nWATCHDOG=1"))


def end(server: Any) -> None:
    """gunicorn's on_exit hook."""
    if os.environ.get(TIMEOUT):
        _notify(server, "WATCHDOG_USEC=0")


def _notify(server: Any, state: str) -> None:
    from gunicorn import systemd

    systemd.sd_notify(state, server.log)


def to_file(path: Path) -> Callable[[Any], None]:
    """gunicorn's when_ready hook: the time of a file, for a watcher that is no systemd."""

    def begin(server: Any) -> None:
        _repeat(server, path.touch)

    return begin


def _repeat(server: Any, report: Callable[[], None]) -> None:
    """Report now, so that a master that stops in its first second is noticed too, and then in the
    loop in which gunicorn's master looks after its workers, once a second."""
    murder_workers, reported = server.murder_workers, 0.0
    with suppress(OSError):
        report()

    def turn() -> None:
        nonlocal reported
        murder_workers()
        now = time.monotonic()
        if now - reported >= INTERVAL and any(map(_is_alive, server.WORKERS.values())):
            reported = now
            with suppress(OSError):
                report()

    server.murder_workers = turn


def _is_alive(worker: Any) -> bool:
    """Whether the worker's loop turns. One of another class reports nothing while it is in a
    request: it is the master that ends it, after the timeout."""
    own = hasattr(worker, "replace")
    timeout = WORKER_TIMEOUT if own else worker.cfg.timeout or math.inf
    try:
        return bool(time.monotonic() - worker.tmp.last_update() <= timeout)
    except (OSError, ValueError):  # it has just ended
        return False
