"""How full the session store is."""

from __future__ import annotations

from dataclasses import dataclass

SCARCE = 0.8  # of the limit


@dataclass(frozen=True)
class Memory:
    """Bytes that Redis uses, and those that it may use; 0: no limit."""

    used: int = 0
    limit: int = 0

    @property
    def scarce(self) -> bool:
        return self.limit > 0 and self.used > SCARCE * self.limit

    def __str__(self) -> str:
        return (
            f"Redis uses {self.used >> 20} of {self.limit >> 20} MB, and refuses logins when full"
        )
