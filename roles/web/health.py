"""Configure the readiness check of monitoring."""

from __future__ import annotations

from ..conventions import LOCATIONS
from ..inventory.settings import Settings
from ..operations.files import Absent, File, Item


def item(settings: Settings) -> Item:
    """Return a file whose presence is the setting. ops/ready checks it at each request."""
    path = str(LOCATIONS.needs_server)
    return (
        File(path, "web_ready_needs_server\n") if settings.web_ready_needs_server else Absent(path)
    )
