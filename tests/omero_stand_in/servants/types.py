"""omero.api.ITypes: enumerations."""

from __future__ import annotations

from typing import Any

import omero.api
import omero.model
from omero.rtypes import rstring

from tests.omero_stand_in.context import Context

VALUES = {
    "ChecksumAlgorithm": ("SHA1-160",),
    "Family": ("linear", "polynomial", "exponential", "logarithmic"),
    "RenderingModel": ("greyscale", "rgb"),
}


class Types:
    """Those whose values matter; others are empty."""

    interface = omero.api.ITypes

    def __init__(self, context: Context) -> None:
        """They are the same for all."""

    def allEnumerations(self, kind: str, current: Any) -> list[Any]:
        kind = kind.rpartition(".")[2].removesuffix("I")
        made = []
        for number, value in enumerate(VALUES.get(kind, ()), 1):
            entry = getattr(omero.model, f"{kind}I")(number, True)
            entry._value = rstring(value)
            made.append(entry)
        return made
