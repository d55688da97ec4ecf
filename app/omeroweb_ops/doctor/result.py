"""What one check says."""

from __future__ import annotations

from dataclasses import dataclass

# From good to bad. info: as the settings want it, or nothing that a visitor would notice.
STATUSES = ("ok", "info", "warning", "error")


@dataclass(frozen=True)
class CheckResult:
    """setting: what to change in the inventory, "" where nothing is or where none would help."""

    check: str
    status: str
    message: str
    setting: str = ""
