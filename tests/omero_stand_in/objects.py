"""Entities as objects of omero.model, as they travel."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import omero
import omero.model
from omero.rtypes import rtime, rtype, wrap

from tests.omero_stand_in.entity import Entity, Permissions, Quantity

# How restrictions are numbered: omero.constants.permissions. Owners are restricted in nothing.
RESTRICTIONS = 8
Paths = Collection[tuple[str, ...]]


class Marshaller:
    """Makes objects for one user: what they may do depends on who asks."""

    def __init__(self, user: Entity) -> None:
        self.user = user
        self._made: dict[tuple[str, int], Any] = {}

    def object(self, entity: Entity, paths: Paths = ()) -> Any:
        """An object with its own values, and with the references and collections that were asked.

        paths: from the object. Other references are unloaded, other collections are absent.
        """
        known = self._made.get((entity.kind, entity.id))
        made = known or getattr(omero.model, f"{entity.kind}I")(entity.id, True)
        if not known:
            self._made[(entity.kind, entity.id)] = made
            made.unloadCollections()
            made._details = self.details(entity)
            for name, field in made._field_info._asdict().items():
                self._set(made, name, getattr(entity, name), field.wrapper)
        for name in {path[0] for path in paths if path and path[0] != "details"}:
            rest = [path[1:] for path in paths if path[:1] == (name,)]
            value = getattr(entity, name)
            if isinstance(value, list):
                setattr(made, f"_{name}Seq", [self.object(each, rest) for each in value])
                setattr(made, f"_{name}Loaded", True)
            elif value is not None:
                setattr(made, f"_{name}", self.object(value, rest))
        return made

    def details(self, entity: Entity) -> Any:
        """Owner, group, times and permissions."""
        made = omero.model.DetailsI()
        details = entity.details
        if details is None:
            return made
        made._permissions = self.permissions(entity)
        if details.owner is not None:
            made._owner = omero.model.ExperimenterI(details.owner.id, True)
            made._owner.unloadCollections()
            for name in ("omeName", "firstName", "lastName"):
                setattr(made._owner, f"_{name}", rtype(getattr(details.owner, name)))
            made._group = omero.model.ExperimenterGroupI(details.group.id, True)
            made._group.unloadCollections()
            made._group._name = rtype(details.group.name)
            made._group._details._permissions = self.permissions(details.group)
            made._creationEvent = made._updateEvent = self._event(details.creationEvent)
        return made

    def permissions(self, entity: Entity) -> Any:
        """As this user has them."""
        made = omero.model.PermissionsI(entity.details.permissions)
        made._restrictions = [not self._may_change(entity)] * RESTRICTIONS
        made._extendedRestrictions = []
        return made

    def permission_map(self, entity: Entity) -> Any:
        """What `select new map(obj as …_details_permissions)` gives."""
        may = self._may_change(entity)
        rights = ("canAnnotate", "canChgrp", "canChown", "canDelete", "canEdit", "canLink")
        return wrap({"perm": entity.details.permissions, **dict.fromkeys(rights, may)})

    def column(self, name: str, value: Any) -> Any:
        """A value of a projection."""
        if isinstance(value, Entity):
            return self.permission_map(value) if name.endswith("_permissions") else wrap(value.id)
        if isinstance(value, Permissions):
            return wrap({"perm": str(value)})
        if name in ("date", "acqDate") and value is not None:
            return rtime(int(value * 1000))
        return wrap(value)

    def _may_change(self, entity: Entity) -> bool:
        owner = entity.details.owner
        return owner is not None and owner.id == self.user.id

    def _event(self, event: Entity) -> Any:
        made = omero.model.EventI(event.id, True)
        made.unloadCollections()
        made._time = rtime(int(event.time * 1000))
        return made

    def _set(self, made: Any, name: str, value: Any, wrapper: Any) -> None:
        if value is None or isinstance(value, list) or name == "details":
            return
        if isinstance(value, Quantity):
            unit = getattr(omero.model.enums, f"Units{value.kind}")
            value = getattr(omero.model, f"{value.kind}I")(value.value, getattr(unit, value.unit))
        elif isinstance(value, Entity):
            value = self._reference(value)
        elif wrapper is rtime:
            value = rtime(int(value * 1000))
        else:
            value = wrapper(value)
        setattr(made, f"_{name}", value)

    def _reference(self, entity: Entity) -> Any:
        if entity.value is not None:  # of an enumeration, which always comes along
            return self.object(entity)
        return getattr(omero.model, f"{entity.kind}I")(entity.id, False)
