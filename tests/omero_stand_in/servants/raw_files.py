"""omero.api.RawFileStore: the bytes of original files."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context
from tests.omero_stand_in.entity import NO_ID, Entity
from tests.omero_stand_in.files import Files


class RawFiles:
    """One for each client that opens one."""

    interface = omero.api.RawFileStore

    def __init__(self, context: Context, files: Files) -> None:
        self.context = context
        self.files = files
        self.original = Entity("OriginalFile", NO_ID)

    def setFileId(self, id: int, current: Any) -> None:
        self.original = self.context.find("OriginalFile", id)

    def getFileId(self, current: Any) -> Any:
        return omero.rtypes.rlong(self.original.id)

    def exists(self, current: Any) -> bool:
        return True

    def size(self, current: Any) -> int:
        return int(self.original.size)

    def read(self, position: int, length: int, current: Any) -> bytes:
        return self.files.read(self.original.id, self.original.size, position, length)

    def write(self, data: bytes, position: int, length: int, current: Any) -> None:
        self.original.size = self.files.write(self.original.id, position, bytes(data[:length]))

    def truncate(self, length: int, current: Any) -> bool:
        return False

    def save(self, current: Any) -> Any:
        self.original.hash = self.files.sha1(self.original.id)
        return self.context.marshal(self.original)

    def close(self, current: Any) -> None:
        """Nothing is open."""
