"""A worker that has grown too large ends after its request, and the master forks another.

gunicorn recycles by the number of requests alone (max_requests).
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any


def limited(limit: int) -> Callable[..., None]:
    """gunicorn's post_request hook for a limit in bytes of resident memory."""

    def after(worker: Any, _request: object, _environ: object, _response: object) -> None:
        if worker.alive and resident() > limit:
            worker.log.info("Worker %s has grown to %d MB and ends", worker.pid, resident() >> 20)
            worker.alive = False

    return after


def resident() -> int:
    """Bytes of memory of this process that are resident (proc(5), statm)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
