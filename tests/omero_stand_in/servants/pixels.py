"""omero.api.IPixels: pixels and the settings that users have saved for them."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context
from tests.omero_stand_in.servants.rendering import PIXELS_PATHS


class Pixels:
    """Nobody has saved any settings."""

    interface = omero.api.IPixels

    def __init__(self, context: Context) -> None:
        self.context = context

    def retrievePixDescription(self, id: int, current: Any) -> Any:
        return self.context.marshal(self.context.find("Pixels", id), PIXELS_PATHS)

    def retrieveAllRndSettings(self, pixels: int, user: int, current: Any) -> list[Any]:
        return []
