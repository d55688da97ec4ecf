"""A worker that has grown too large is replaced.

gunicorn recycles by the number of requests alone (max_requests).
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any


def recycle_above(limit: int) -> Callable[..., None]:
    """gunicorn's post_request hook for a limit in bytes of resident memory.

    A worker with threads ends once it has no download and no upload, but not later than with
    twice the limit.
    """
    reported = False

    def after(worker: Any, _request: object, _environ: object, _response: object) -> None:
        nonlocal reported
        size = resident()
        if not worker.alive or size <= limit:
            return
        if not reported:
            worker.log.info("Worker %s has grown to %d MB and ends", worker.pid, size >> 20)
            reported = True
        if hasattr(worker, "replace") and size <= 2 * limit:
            worker.replace()
        else:
            worker.alive = False

    return after


def resident() -> int:
    """Bytes of memory of this process that are resident (proc(5), statm)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
