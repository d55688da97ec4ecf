"""omero.api.RenderingEngine: pictures of images."""

from __future__ import annotations

from typing import Any

import omero.api
import omero.model
import omero.romio
from omero.rtypes import rstring

from tests.omero_stand_in import pictures
from tests.omero_stand_in.context import Context
from tests.omero_stand_in.entity import NO_ID, Entity

PIXELS_PATHS = {
    ("pixelsType",),
    ("dimensionOrder",),
    ("image",),
    ("channels", "statsInfo"),
    ("channels", "logicalChannel"),
}


class RenderingEngine:
    """One for each client that opens one; settings are its own."""

    interface = omero.api.RenderingEngine

    def __init__(self, context: Context) -> None:
        self.context = context
        self.pixels = Entity("Pixels", NO_ID, channels=[])
        self.settings = pictures.Settings.of(self.pixels)

    def lookupPixels(self, id: int, current: Any) -> None:
        self.pixels = self.context.find("Pixels", id)
        self.settings = pictures.Settings.of(self.pixels)

    def lookupRenderingDef(self, pixels: int, current: Any) -> bool:
        return True

    def loadRenderingDef(self, id: int, current: Any) -> None:
        """There are no others."""

    def getRenderingDefId(self, current: Any) -> int:
        return self.pixels.id

    def resetDefaultSettings(self, save: bool, current: Any) -> int:
        self.settings = pictures.Settings.of(self.pixels)
        return self.pixels.id

    def load(self, current: Any) -> None:
        """All is there."""

    def close(self, current: Any) -> None:
        """Nothing is open."""

    def getPixels(self, current: Any) -> Any:
        return self.context.marshal(self.pixels, PIXELS_PATHS)

    def getDefaultZ(self, current: Any) -> int:
        return self.settings.z

    def getDefaultT(self, current: Any) -> int:
        return self.settings.t

    def setDefaultZ(self, z: int, current: Any) -> None:
        self.settings.z = z

    def setDefaultT(self, t: int, current: Any) -> None:
        self.settings.t = t

    def getModel(self, current: Any) -> Any:
        model = omero.model.RenderingModelI(1 if self.settings.greyscale else 2, True)
        model._value = rstring("greyscale" if self.settings.greyscale else "rgb")
        return model

    def setModel(self, model: Any, current: Any) -> None:
        self.settings.greyscale = model.value.val == "greyscale"

    def isActive(self, channel: int, current: Any) -> bool:
        return self.settings.channels[channel].active

    def setActive(self, channel: int, active: bool, current: Any) -> None:
        self.settings.channels[channel].active = active

    def getRGBA(self, channel: int, current: Any) -> list[int]:
        return [*self.settings.channels[channel].color, 255]

    def setRGBA(self, channel: int, r: int, g: int, b: int, a: int, current: Any) -> None:
        self.settings.channels[channel].color = (r, g, b)

    def getChannelWindowStart(self, channel: int, current: Any) -> float:
        return self.settings.channels[channel].start

    def getChannelWindowEnd(self, channel: int, current: Any) -> float:
        return self.settings.channels[channel].end

    def setChannelWindow(self, channel: int, start: float, end: float, current: Any) -> None:
        self.settings.channels[channel].start = start
        self.settings.channels[channel].end = end

    def getPixelsTypeLowerBound(self, channel: int, current: Any) -> float:
        return 0.0

    def getPixelsTypeUpperBound(self, channel: int, current: Any) -> float:
        return 255.0

    def getChannelFamily(self, channel: int, current: Any) -> Any:
        family = omero.model.FamilyI(1, True)
        family._value = rstring("linear")
        return family

    def getChannelCurveCoefficient(self, channel: int, current: Any) -> float:
        return 1.0

    def setQuantizationMap(
        self, channel: int, family: Any, coefficient: float, noise: bool, current: Any
    ) -> None:
        """Linear it stays."""

    def getChannelLookupTable(self, channel: int, current: Any) -> str:
        return ""

    def setChannelLookupTable(self, channel: int, name: str, current: Any) -> None:
        """There are none."""

    def getCodomainMapContext(self, channel: int, current: Any) -> list[Any]:
        inverted = self.settings.channels[channel].inverted
        return [omero.romio.ReverseIntensityMapContext()] if inverted else []

    def addCodomainMapToChannel(self, context: Any, channel: int, current: Any) -> None:
        self.settings.channels[channel].inverted = True

    def removeCodomainMapFromChannel(self, context: Any, channel: int, current: Any) -> None:
        self.settings.channels[channel].inverted = False

    def getResolutionLevels(self, current: Any) -> int:
        return 1  # not a big image

    def getTileSize(self, current: Any) -> list[int]:
        return [256, 256]

    def setResolutionLevel(self, level: int, current: Any) -> None:
        """There is one."""

    def setCompressionLevel(self, quality: float, current: Any) -> None:
        self.settings.quality = quality

    def renderCompressed(self, plane: Any, current: Any) -> bytes:
        region = plane.region
        self.settings.region = region and (
            region.x,
            region.y,
            region.x + region.width,
            region.y + region.height,
        )
        return pictures.jpeg(self.pixels, self.settings)

    def renderProjectedCompressed(
        self, algorithm: Any, t: int, stepping: int, start: int, end: int, current: Any
    ) -> bytes:
        self.settings.region = None
        return pictures.jpeg(self.pixels, self.settings)
