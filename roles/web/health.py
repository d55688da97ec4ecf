"""What monitoring is told."""

from __future__ import annotations

from ..conventions import LOCATIONS
from ..inventory.settings import Settings
from ..operations.files import Absent, File, Item


def item(settings: Settings) -> Item:
    """A file that is there or not; ops/ready looks each time, so that nothing is reloaded."""
    path = str(LOCATIONS.needs_server)
    return (
        File(path, "web_ready_needs_server\n") if settings.web_ready_needs_server else Absent(path)
    )
