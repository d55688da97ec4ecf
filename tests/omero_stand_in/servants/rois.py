"""omero.api.IRoi: there are no regions of interest."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context


class Rois:
    """Empty results."""

    interface = omero.api.IRoi

    def __init__(self, context: Context) -> None:
        """They are the same for all."""

    def findByImage(self, image: int, options: Any, current: Any) -> Any:
        return omero.api.RoiResult(options, [], {})
