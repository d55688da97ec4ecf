"""omero.api.ThumbnailStore: small pictures of images."""

from __future__ import annotations

from typing import Any

import omero.api
from omero.rtypes import rint

from tests.omero_stand_in import pictures
from tests.omero_stand_in.context import Context

LONGEST_SIDE = 96  # where the client leaves it open


class Thumbnails:
    """One for each client that opens one."""

    interface = omero.api.ThumbnailStore

    def __init__(self, context: Context) -> None:
        self.context = context
        self.pixels = 0

    def setPixelsId(self, id: int, current: Any) -> bool:
        self.context.find("Pixels", id)
        self.pixels = id
        return True  # there are rendering settings

    def setRenderingDefId(self, id: int, current: Any) -> None:
        """There are no others."""

    def getRenderingDefId(self, current: Any) -> int:
        return self.pixels

    def isInProgress(self, current: Any) -> bool:
        return False

    def resetDefaults(self, current: Any) -> None:
        """They are the only ones."""

    def getThumbnail(self, width: Any, height: Any, current: Any) -> bytes:
        return self._picture(self.pixels, width, height)

    getThumbnailDirect = getThumbnailWithoutDefault = getThumbnail

    def getThumbnailByLongestSide(self, side: Any, current: Any) -> bytes:
        return self._picture(self.pixels, side)

    getThumbnailByLongestSideDirect = getThumbnailByLongestSide

    def getThumbnailForSectionDirect(
        self, z: int, t: int, width: Any, height: Any, current: Any
    ) -> bytes:
        return self._picture(self.pixels, width, height)

    def getThumbnailForSectionByLongestSideDirect(
        self, z: int, t: int, side: Any, current: Any
    ) -> bytes:
        return self._picture(self.pixels, side)

    def getThumbnailByLongestSideSet(
        self, side: Any, ids: list[int], current: Any
    ) -> dict[int, bytes]:
        return {each: self._picture(each, side) for each in ids}

    def getThumbnailSet(
        self, width: Any, height: Any, ids: list[int], current: Any
    ) -> dict[int, bytes]:
        return {each: self._picture(each, width, height) for each in ids}

    def close(self, current: Any) -> None:
        """Nothing is open."""

    def _picture(self, id: int, width: Any, height: Any = None) -> bytes:
        side = (width or rint(LONGEST_SIDE)).val
        pixels = self.context.find("Pixels", id)
        return pictures.thumbnail(pixels, side, height.val if height else None)
