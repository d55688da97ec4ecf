"""Define the result of a check."""

from __future__ import annotations

from dataclasses import dataclass

# From good to bad. info: as set in the inventory, or nothing that a visitor would notice.
STATUSES = ("ok", "info", "warning", "error")


@dataclass(frozen=True)
class CheckResult:
    """The result of a check. setting: the setting to change in the inventory, or ""."""

    check: str
    status: str
    message: str
    setting: str = ""
