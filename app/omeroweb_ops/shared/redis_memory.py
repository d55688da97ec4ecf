"""Describe how full Redis is."""

from __future__ import annotations

from dataclasses import dataclass

SCARCE = 0.8  # of the limit


@dataclass(frozen=True)
class Memory:
    """Redis' used memory and its limit, in bytes. limit: 0 means no limit."""

    used: int = 0
    limit: int = 0

    @property
    def scarce(self) -> bool:
        return self.limit > 0 and self.used > SCARCE * self.limit

    @property
    def full(self) -> bool:
        return 0 < self.limit <= self.used

    def __str__(self) -> str:
        refuses = "refuses logins now" if self.full else "refuses logins when full"
        return f"Redis uses {size(self.used)} of {size(self.limit)}, and {refuses}"


def size(count: float) -> str:
    """Format bytes in units of 1024, as redis_maxmemory counts."""
    for unit in ("B", "kB", "MB"):
        if count < 1024 * 10:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.0f} GB"
