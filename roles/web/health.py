"""What monitoring is told."""

from __future__ import annotations

from ..items import Absent, File, Item
from ..settings import Settings
from ..site import LOCATIONS


def item(settings: Settings) -> Item:
    """A file that is there or not; ops/ready looks each time, so that nothing is reloaded."""
    path = str(LOCATIONS.needs_server)
    return (
        File(path, "web_ready_needs_server\n") if settings.web_ready_needs_server else Absent(path)
    )
