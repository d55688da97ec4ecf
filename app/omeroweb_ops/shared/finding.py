"""Define an error or a warning about a setting, a property or a host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """An error, or a warning, for an administrator.

    subject: the setting, property or path. message: what is wrong, and what to set instead.
    severity: an error stops a deploy, because the site would not work or would not be secure.
    """

    subject: str
    message: str
    severity: Literal["error", "warning"] = "error"

    @property
    def is_error(self) -> bool:
        """Whether the finding stops a deploy."""
        return self.severity == "error"

    def __str__(self) -> str:
        return f"{self.subject}: {self.message}"
