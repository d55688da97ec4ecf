"""Compute the default numbers of workers and threads for a machine.

omero.web.wsgi_workers and omero.web.wsgi_threads replace them. gunicorn's rule is two workers for
each core and one more (https://gunicorn.org/design/, "How Many Workers?"). Each worker has several
threads, most of which wait for OMERO.server or for a visitor's download. If memory allows fewer
workers, each worker gets more threads.
"""

from __future__ import annotations

import math

MAX_WORKERS = 17  # more workers would overload an OMERO.server before a core
FEWEST = 2  # because one may be busy
THREADS = 5  # two downloads, two logins, and one for pages
WORKER_MEMORY = 256 << 20  # bytes that a worker often grows to


def workers(cores: float, memory: int) -> int:
    """Return the number of workers for cores and bytes of memory."""
    return max(FEWEST, min(at_once(cores), memory // WORKER_MEMORY))


def threads(cores: float, memory: int) -> int:
    """Return the number of threads of each worker."""
    return max(THREADS, math.ceil(at_once(cores) / workers(cores, memory)))


def at_once(cores: float) -> int:
    """Return the least number of requests to process at the same time."""
    return max(FEWEST, min(int(2 * cores) + 1, MAX_WORKERS))
