"""Replace a worker that uses too much memory.

gunicorn recycles workers only by the number of requests (max_requests).
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from typing import Any

INTERVAL = 1.0  # seconds between two looks at the memory, which take as long as 2 % of a page


def recycle_above(limit: int, clock: Callable[[], float] = time.monotonic) -> Callable[..., None]:
    """Return a post_request hook for a limit in bytes of resident memory.

    A worker with threads ends as soon as it has no download and no upload, or at twice the limit.
    """
    reported, look_at = False, 0.0

    def after(worker: Any, _request: object, _environ: object, _response: object) -> None:
        nonlocal reported, look_at
        now = clock()
        if now < look_at:
            return
        look_at = now + INTERVAL
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
    """Return this process's resident memory in bytes (proc(5), statm)."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
