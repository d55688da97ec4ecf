"""Report that the service is alive, so that a service that hangs can be restarted.

The report does not depend on requests: the service is alive while all workers wait for an
OMERO.server. It hangs if the loop of the master, or the loops of all workers, have stopped.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..locations import LIVENESS
from .master_loop import at_each_turn

INTERVAL = 5.0  # seconds
# Seconds after which a worker hangs whose loop, which takes a second, has not turned.
WORKER_TIMEOUT = 3.0


def to_systemd(server: Any) -> None:
    """when_ready hook. Report to systemd's watchdog (sd_notify(3), WATCHDOG and WATCHDOG_USEC).

    Each report has the timeout, because a predecessor sets it to 0 when it ends, so that a release
    of an older bundle, which does not report, can take over.
    """
    timeout = os.environ.get(LIVENESS)
    if timeout:
        _repeat(server, lambda: _notify(server, f"WATCHDOG_USEC={timeout}000000\nWATCHDOG=1"))


def end(server: Any) -> None:
    """on_exit hook. Disable systemd's watchdog."""
    if os.environ.get(LIVENESS):
        _notify(server, "WATCHDOG_USEC=0")


def _notify(server: Any, state: str) -> None:
    from gunicorn import systemd

    systemd.sd_notify(state, server.log)


def to_file(path: Path) -> Callable[[Any], None]:
    """Return a when_ready hook that reports by a file's mtime, if systemd does not run."""

    def begin(server: Any) -> None:
        _repeat(server, path.touch)

    return begin


def _repeat(server: Any, report: Callable[[], None]) -> None:
    """Report now, and then in the master's loop.

    The first report makes a master count that stops in its first second.
    """
    reported = 0.0
    with suppress(OSError):
        report()

    def act() -> None:
        nonlocal reported
        now = time.monotonic()
        if now - reported >= INTERVAL and any(map(_is_alive, server.WORKERS.values())):
            reported = now
            with suppress(OSError):
                report()

    at_each_turn(server, act)


def _is_alive(worker: Any) -> bool:
    """Return whether a worker's loop turns.

    A worker of another class reports nothing during a request; the master ends it after its
    timeout.
    """
    own = hasattr(worker, "replace")
    timeout = WORKER_TIMEOUT if own else worker.cfg.timeout or math.inf
    try:
        return bool(time.monotonic() - worker.tmp.last_update() <= timeout)
    except (OSError, ValueError):  # it has just ended
        return False
