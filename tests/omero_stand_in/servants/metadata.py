"""omero.api.IMetadata: annotations, and how images were acquired."""

from __future__ import annotations

from typing import Any

import omero.api

from tests.omero_stand_in.context import Context

ANNOTATION_PATHS = {("file",)}


class Metadata:
    """What the user may read."""

    interface = omero.api.IMetadata

    def __init__(self, context: Context) -> None:
        self.context = context

    def loadSpecifiedAnnotations(
        self, kind: str, include: Any, exclude: Any, options: Any, current: Any
    ) -> list[Any]:
        kind, group = kind.rpartition(".")[2], self.context.group(current)
        found = [
            each
            for each in self.context.content.visible(self.context.user, kind, group)
            if (not include or each.ns in include) and each.ns not in (exclude or ())
        ]
        return [self.context.marshal(each, ANNOTATION_PATHS) for each in found]

    def loadAnnotations(
        self, kind: str, ids: list[int], types: Any, owners: Any, options: Any, current: Any
    ) -> dict[int, list[Any]]:
        kind = kind.rpartition(".")[2]
        return {
            each: [
                self.context.marshal(link.child, ANNOTATION_PATHS)
                for link in self.context.find(kind, each).annotationLinks or ()
            ]
            for each in ids
        }

    def loadChannelAcquisitionData(self, ids: list[int], current: Any) -> list[Any]:
        return [self.context.marshal(self.context.find("LogicalChannel", each)) for each in ids]
