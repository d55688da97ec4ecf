"""omero.api.RawPixelsStore: the values of images."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in import pictures
from tests.omero_stand_in.context import Context
from tests.omero_stand_in.entity import NO_ID, Entity


class RawPixels:
    """One for each client that opens one; values are bytes without a sign."""

    interface = omero.api.RawPixelsStore

    def __init__(self, context: Context) -> None:
        self.context = context
        self.pixels = Entity("Pixels", NO_ID)

    def setPixelsId(self, id: int, bypass: bool, current: Any) -> None:
        self.pixels = self.context.find("Pixels", id)

    def getByteWidth(self, current: Any) -> int:
        return 1

    def isSigned(self, current: Any) -> bool:
        return False

    def isFloat(self, current: Any) -> bool:
        return False

    def getPlane(self, z: int, channel: int, t: int, current: Any) -> bytes:
        return bytes(pictures.plane(self.pixels, channel).tobytes())

    def getTile(
        self, z: int, channel: int, t: int, x: int, y: int, width: int, height: int, current: Any
    ) -> bytes:
        box = (x, y, x + width, y + height)
        return bytes(pictures.plane(self.pixels, channel).crop(box).tobytes())

    def getResolutionLevels(self, current: Any) -> int:
        return 1

    def close(self, current: Any) -> None:
        """Nothing is open."""
