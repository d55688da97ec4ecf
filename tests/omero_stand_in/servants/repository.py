"""omero.api.IRepositoryInfo: how full the server's disk is."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context


class Repository:
    """A disk with room."""

    interface = omero.api.IRepositoryInfo

    def __init__(self, context: Context) -> None:
        """The disk is the same for all."""

    def getFreeSpaceInKilobytes(self, current: Any) -> int:
        return 10**9

    def getUsedSpaceInKilobytes(self, current: Any) -> int:
        return 10**6
