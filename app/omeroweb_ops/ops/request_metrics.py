"""Count requests and their durations, in files of each worker that every worker can read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import Counter, Histogram, values

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
CLASSES = ("2xx", "3xx", "4xx", "5xx")
BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)  # seconds
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SIZE = 1 << 16  # bytes; prometheus_client's initial size of a file


class RequestMetrics:
    """The counters of the worker with this number. Raises OSError if the disk is full."""

    def __init__(self, folder: Path, number: int) -> None:
        for kind in ("counter", "histogram"):
            _allocate(folder / f"{kind}_{number}.db")
        with _kept_in(folder, number):
            counter = Counter(
                "omeroweb_http_requests",
                "Requests that OMERO.web has answered, by method and class of status.",
                ["method", "status"],
                registry=None,
            )
            # All labels exist from the start, so that an alert sees the first error as a rise from
            # 0.
            self._counts = {
                (method, status): counter.labels(method, status)
                for method in (*METHODS, "other")
                for status in CLASSES
            }
            self._seconds = Histogram(
                "omeroweb_http_request_duration_seconds",
                "Time from a worker's first sight of a request to the beginning of its answer.",
                buckets=BUCKETS,
                registry=None,
            )

    def count(self, method: str, status: int, seconds: float) -> None:
        """Count an answered request. seconds: until the start of the answer."""
        known = method if method in METHODS else "other"
        self._counts[known, CLASSES[min(max(status // 100, 2), 5) - 2]].inc()
        self._seconds.observe(seconds)


@contextmanager
def _kept_in(folder: Path, number: int) -> Iterator[None]:
    """Enable prometheus_client's multiprocess mode for the metrics of the block only.

    An app of the site may use the same library in this process in another mode.
    """
    kind, given = values.ValueClass, os.environ.get(_FOLDER)
    values.ValueClass = values.MultiProcessValue(lambda: number)
    os.environ[_FOLDER] = str(folder)
    try:
        yield
    finally:
        values.ValueClass = kind
        del os.environ[_FOLDER]
        if given is not None:
            os.environ[_FOLDER] = given


def _allocate(path: Path) -> None:
    """Allocate the whole file: a mapped page without room on a full disk kills the process."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(file, 0, _SIZE)
    finally:
        os.close(file)
