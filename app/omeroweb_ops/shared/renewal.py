"""Read why the renewal of NGINX's certificate has failed. Root's command writes this file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from . import regular_file

_LARGEST = 4000  # bytes


@dataclass(frozen=True)
class RenewalFailure:
    """A failure after which no renewal has succeeded."""

    time: datetime
    reason: str

    def __str__(self) -> str:
        return f"its renewal failed on {self.time:%Y-%m-%d %H:%M}: {self.reason}"


def failure(path: Path) -> RenewalFailure | None:
    """Return the last failure, or None. Raises OSError or ValueError if the file is unreadable."""
    try:
        text = regular_file.read_text(path, _LARGEST)
    except FileNotFoundError:
        return None
    time, _, reason = text.strip().partition(" ")
    shown = "".join(each if each.isprintable() else " " for each in reason)
    return RenewalFailure(datetime.fromisoformat(time), " ".join(shown.split()))
