"""omero.api.IUpdate: new objects, such as an annotation with an uploaded file."""

from __future__ import annotations

from typing import Any

import omero
import omero.api
from omero.rtypes import unwrap

from tests.omero_stand_in.context import Context
from tests.omero_stand_in.dispatch import not_implemented
from tests.omero_stand_in.entity import Entity


class Update:
    """Objects that are new; what exists stays as it is."""

    interface = omero.api.IUpdate

    def __init__(self, context: Context) -> None:
        self.context = context

    def saveAndReturnObject(self, sent: Any, current: Any) -> Any:
        return self.context.marshal(self._save(sent), {("file",), ("parent",), ("child",)})

    def saveAndReturnArray(self, sent: list[Any], current: Any) -> list[Any]:
        return [self.saveAndReturnObject(each, current) for each in sent]

    def saveObject(self, sent: Any, current: Any) -> None:
        self._save(sent)

    def saveArray(self, sent: list[Any], current: Any) -> None:
        for each in sent:
            self._save(each)

    saveCollection = saveArray

    def _save(self, sent: Any) -> Entity:
        kind = type(sent).__name__.removesuffix("I")
        if sent.id is not None:
            return self.context.find(kind, sent.id.val)
        values = {
            name: self._value(getattr(sent, f"_{name}"), name, kind)
            for name in sent._field_info._fields
            if name != "details" and hasattr(sent, f"_{name}")
        }
        if kind.endswith("AnnotationLink"):
            parent, child = values["parent"], values["child"]
            return self.context.content.link(kind, parent, child, "annotationLinks")
        if {"parent", "child"} <= values.keys():
            raise not_implemented(f"IUpdate: a new {kind}")
        return self.context.content.add(kind, self.context.user, **values)

    def _value(self, sent: Any, name: str, kind: str) -> Any:
        if isinstance(sent, omero.model.IObject):
            return self._save(sent)
        return unwrap(sent)
