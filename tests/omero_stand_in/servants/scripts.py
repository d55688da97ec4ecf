"""omero.api.IScript: there are no scripts."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context


class Scripts:
    """Empty lists."""

    interface = omero.api.IScript

    def __init__(self, context: Context) -> None:
        """They are the same for all."""

    def getScripts(self, current: Any) -> list[Any]:
        return []

    def getScriptsByMimetype(self, mimetype: str, current: Any) -> list[Any]:
        return []

    def getScriptID(self, path: str, current: Any) -> int:
        return -1
