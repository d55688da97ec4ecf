"""Format the status as a plugin of Nagios or Icinga does: one line, with figures. Pure.

https://nagios-plugins.org/doc/guidelines.html has the format.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..doctor.result import CheckResult
from ..shared.certificate_expiry import EXPIRY_WARNING
from . import warnings
from .model import Status, Unknown

UNKNOWN = 3
_STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
_MAX_TEXT = 1000  # characters; NRPE cuts a line at 1024


def as_line(seen: Status, findings: Sequence[CheckResult]) -> str:
    """Return the line of a status that is known."""
    status = warnings.status(findings)
    worst = "error" if status == 2 else "warning"  # a warning does not matter if it is down
    wrong = [f"{each.check}: {each.message}" for each in findings if each.status == worst]
    return line(status, "; ".join(wrong) or "OMERO.web serves", _figures(seen))


def line(status: int, text: str, figures: Iterator[str] | None = None) -> str:
    """Return `OMEROWEB STATE - text | figures`; | separates the two, so that no text has it."""
    shown = " ".join(text.split()).replace("|", "/")
    if len(shown) > _MAX_TEXT:
        shown = shown[: _MAX_TEXT - 1] + "…"
    whole = f"OMEROWEB {_STATES[status]} - {shown}"
    known = " ".join(figures or ())
    return f"{whole} | {known}" if known else whole


def _figures(seen: Status) -> Iterator[str]:
    """Yield 'label'=value[unit];warning;critical;minimum;maximum."""
    if not isinstance(seen.workers, Unknown):
        yield f"workers={seen.workers.present + seen.workers.older};;;0"
    metrics = seen.metrics
    if not isinstance(metrics, Unknown):
        if metrics.memory:
            yield f"memory={sum(metrics.memory.values())}B;;;0"
        if metrics.sessions is not None:
            yield f"sessions={metrics.sessions};;;0"
        if metrics.redis_used is not None:
            yield f"redis={metrics.redis_used}B;;;0;{metrics.redis_max or ''}"
    found = seen.certificate
    if found is not None and not isinstance(found, Unknown) and found.days is not None:
        yield f"certificate_days={found.days};{EXPIRY_WARNING.days}:;0:"
    for number, disk in enumerate(() if isinstance(seen.disks, Unknown) else seen.disks):
        name = "disk_free" if number == 0 else f"disk_free_{number + 1}"
        yield f"{name}={disk.free}B;;;0;{disk.size}"
