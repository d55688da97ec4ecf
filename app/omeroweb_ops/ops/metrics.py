"""Format the metrics for Prometheus: the workers' counters, and values that are read now.

The counters are in request_metrics.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from ..locations import Locations
from ..notify import store
from ..shared import regular_file, security_updates
from ..state import schema_cache
from . import nginx_status, session_store, worker_slots
from .certificate_end import CertificateEnd

_CERTIFICATE = CertificateEnd()


def text(locations: Locations, configuration: str) -> bytes:
    """Return all metrics as text. configuration: the digest that this worker has loaded."""
    registry = CollectorRegistry()
    if locations.metrics.is_dir():
        MultiProcessCollector(registry, path=str(locations.metrics))
    registry.register(Present(locations, configuration))
    return generate_latest(registry)


class Present:
    """Collects the values that are read at each request."""

    def __init__(self, locations: Locations, configuration: str) -> None:
        self.locations, self.configuration = locations, configuration

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as prometheus_client requires."""
        yield InfoMetricFamily(
            "omeroweb",
            "The release and the configuration (the beginning of its digest) that serve.",
            value={
                "release": schema_cache.current_release(),
                "version": _version(),
                "configuration": self.configuration[:12],
            },
        )
        workers = worker_slots.holders(self.locations.metrics)
        yield _gauge("workers", "Worker processes that serve.", len(workers))
        yield from _memory({"master": os.getppid(), **{str(key): workers[key] for key in workers}})
        yield from _sessions()
        yield from nginx_status.collect(self.locations)
        end = _CERTIFICATE.get(self.locations)
        if end is not None:
            help_text = "When the certificate of the public URL ends; 0 if it has ended."
            yield _gauge("certificate_expiry_timestamp_seconds", help_text, end)
        with suppress(
            OSError, ValueError, TypeError, AttributeError
        ):  # absent, or not a valid file
            yield from cleared(regular_file.read_json(self.locations.cleared))
        with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            found = regular_file.read_json(self.locations.security_updates)
            yield from updates(found)
        yield from _notify()
        locked = security_updates.lock_date()
        if locked:
            at = datetime.combine(locked, time(), UTC).timestamp()
            help_text = "The date of the lock that the release was made of."
            yield _gauge("lock_timestamp_seconds", help_text, at)


def cleared(last: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the metrics of the last `sessions clear` from its file, in which values may be missing.

    Raises ValueError and TypeError.
    """
    ended = datetime.fromisoformat(last.get("time", "")).timestamp()
    gauges = {
        "timestamp_seconds": ("When it ended.", ended),
        "removed": ("Expired sessions that it removed.", last.get("removed")),
        "kept": ("Sessions that it left.", last.get("kept")),
        "duration_seconds": ("How long it took.", last.get("seconds")),
        "failed": ("1 where it failed, else 0.", int(bool(last.get("failed")))),
    }
    for name, (help_text, value) in gauges.items():
        if value is not None:
            yield _gauge(f"clearsessions_{name}", f"The last clearsessions: {help_text}", value)


def updates(last: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield the metrics of the last `omeroweb-ops updates` from its file.

    Raises KeyError, ValueError and TypeError.
    """
    at = datetime.fromisoformat(last["time"]).timestamp()
    number = len(list(last["packages"]))
    help_text = "Debian packages with a security update that is not installed."
    yield _gauge("security_updates_pending", help_text, number)
    yield _gauge("security_updates_timestamp_seconds", "When that was last looked up.", at)


def _notify() -> Iterator[Metric]:
    """Yield the metrics of `doctor --notify`; none if nobody is notified."""
    state = store.load(store.STATE)
    if not state.ran:
        return
    problems = [each for each in state.history.known.values() if each.well_since is None]
    found = GaugeMetricFamily(
        "omeroweb_doctor_problems", "Problems that the doctor found last.", labels=["status"]
    )
    for status in ("error", "warning"):
        found.add_metric([status], sum(each.problem.status == status for each in problems))
    yield found
    yield _gauge("doctor_timestamp_seconds", "When the timer last ran the doctor.", state.ran)
    yield _gauge("notify_undelivered", "Messages that were not sent.", len(state.waiting))


def memory(rollup: str) -> dict[str, int]:
    """Return the bytes in /proc/PID/smaps_rollup by their names (proc(5))."""
    return {
        name: int(size) * 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.M)
    }


def _memory(processes: Mapping[str, int]) -> Iterator[Metric]:
    resident = GaugeMetricFamily(
        "omeroweb_process_resident_memory_bytes",
        "Memory of a process in RAM, with what it shares with others.",
        labels=["process"],
    )
    proportional = GaugeMetricFamily(
        "omeroweb_process_proportional_memory_bytes",
        "Memory of a process in RAM, shared memory divided among those that share it (PSS).",
        labels=["process"],
    )
    for name, pid in processes.items():
        with suppress(OSError, KeyError):  # the process has just ended
            sizes = memory(Path("/proc", str(pid), "smaps_rollup").read_text("ascii"))
            resident.add_metric([name], sizes["Rss"])
            proportional.add_metric([name], sizes["Pss"])
    yield resident
    yield proportional


def _sessions() -> Iterator[Metric]:
    up = 1
    try:
        stored = session_store.stored()
        if stored is not None:
            yield _gauge("sessions", "Stored sessions, expired ones not yet removed too.", stored)
        yield from _redis()
    except Exception:  # any error of a store; the other metrics are most needed then
        up = 0
    yield _gauge("session_store_up", "1 where the session store answered, else 0.", up)


def _redis() -> Iterator[Metric]:
    client = session_store.redis()
    if client is None:
        return
    used = client.info("memory")
    yield _gauge("redis_memory_used_bytes", "Memory that Redis uses.", used["used_memory"])
    yield _gauge("redis_memory_max_bytes", "Redis' limit; 0 is none.", used["maxmemory"])


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"omeroweb_{name}", help_text, value=value)


def _version() -> str:
    try:
        return version("omero-web")
    except PackageNotFoundError:
        return ""
