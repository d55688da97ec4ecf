"""omero.api.IContainer: projects, datasets and images with what they contain."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context
from tests.omero_stand_in.objects import Paths

IMAGE_PATHS = {("pixels", "pixelsType"), ("pixels", "dimensionOrder")}
CONTENT_PATHS: dict[str, Paths] = {
    "Project": {("datasetLinks", "child", "imageLinks", "child")},
    "Dataset": {("imageLinks", "child")},
}


class Containers:
    """What the user may read."""

    interface = omero.api.IContainer

    def __init__(self, context: Context) -> None:
        self.context = context

    def getImages(self, kind: str, ids: list[int], options: Any, current: Any) -> list[Any]:
        found = [self.context.find("Image", each) for each in ids]
        return [self.context.marshal(each, IMAGE_PATHS) for each in found]

    def loadContainerHierarchy(
        self, kind: str, ids: list[int], options: Any, current: Any
    ) -> list[Any]:
        kind = kind.rpartition(".")[2]
        group = self.context.group(current)
        found = self.context.content.visible(self.context.user, kind, group)
        paths = CONTENT_PATHS.get(kind, ())
        return [self.context.marshal(each, paths) for each in found if not ids or each.id in ids]

    def getCollectionCount(
        self, kind: str, name: str, ids: list[int], options: Any, current: Any
    ) -> dict[int, int]:
        kind, name = kind.rpartition(".")[2], name.rpartition("_")[2]
        return {each: len(getattr(self.context.find(kind, each), name) or ()) for each in ids}
