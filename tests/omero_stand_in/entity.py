"""Objects of OMERO's data model, without Ice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Of OMERO's model: a query for the class on the right finds those on the left, too.
BASE_CLASS = {
    "CommentAnnotation": "Annotation",
    "FileAnnotation": "Annotation",
    "LongAnnotation": "Annotation",
    "MapAnnotation": "Annotation",
    "TagAnnotation": "Annotation",
}


class Permissions(str):
    """What the owner, the group and all others may do, as `rwr---`."""


@dataclass(frozen=True)
class Quantity:
    """A value with a unit of omero.model.enums.

    kind: Length, Time, ...
    """

    kind: str
    value: float
    unit: str


NO_ID = -1  # of what is no row of its own


class Entity:
    """An object of the model: its attributes have the names that HQL and omero.model give them.

    A reference is another entity, a collection a list of them; what nobody has set is null.
    """

    def __init__(self, kind: str, id: int, **attributes: Any) -> None:
        self.kind = kind
        self.id = id
        self.__dict__.update(attributes)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __repr__(self) -> str:
        return f"<{self.kind} {self.id}>"
