"""omero.api.ITimeline: what happened when. Nothing has happened."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context


class Timeline:
    """Empty results, for the page `History`."""

    interface = omero.api.ITimeline

    def __init__(self, context: Context) -> None:
        """They are the same for all."""

    def getEventLogsByPeriod(self, start: Any, end: Any, page: Any, current: Any) -> list[Any]:
        return []

    def getByPeriod(
        self, kinds: Any, start: Any, end: Any, page: Any, merge: bool, current: Any
    ) -> dict[str, list[Any]]:
        return {}

    def countByPeriod(
        self, kinds: Any, start: Any, end: Any, page: Any, current: Any
    ) -> dict[str, int]:
        return dict.fromkeys(kinds, 0)
