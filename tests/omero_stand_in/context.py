"""What a servant knows of the call that it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import Ice
import omero

from tests.omero_stand_in.content import ROOT, SYSTEM_GROUP, Content
from tests.omero_stand_in.entity import Entity
from tests.omero_stand_in.hql import Scope
from tests.omero_stand_in.objects import Marshaller, Paths
from tests.omero_stand_in.sessions import Session, Sessions


@dataclass(frozen=True)
class Context:
    """The session that calls, and all that there is."""

    content: Content
    sessions: Sessions
    session: Session

    @property
    def user(self) -> Entity:
        """Who calls."""
        return self.session.user

    @property
    def is_admin(self) -> bool:
        """Whether the user is in the group `system`."""
        groups = self.content.groups(self.user)
        return self.user.id == ROOT or any(each.id == SYSTEM_GROUP for each in groups)

    def group(self, current: Any) -> int:
        """The group that a call is about; -1: all."""
        return int(current.ctx.get("omero.group") or self.session.group.id)

    def scope(self, current: Any, parameters: Any = None) -> Scope:
        """For a query of this call."""
        group = self.group(current)
        values = parameters.map if parameters and parameters.map else {}
        return Scope(
            lambda kind: self.content.visible(self.user, kind, group),
            {name: omero.rtypes.unwrap(value) for name, value in values.items()},
        )

    def find(self, kind: str, id: int) -> Entity:
        """An object that the user may read. Raises omero.ValidationException."""
        found = self.content.visible(self.user, kind, -1)
        for each in found:
            if each.id == id:
                return each
        raise omero.ValidationException("", "ValidationException", f"No row: {kind}:{id}")

    def marshal(self, entity: Entity, paths: Paths = ()) -> Any:
        """An object for this user."""
        return Marshaller(self.user).object(entity, paths)


def new_identity(name: str, category: str) -> Any:
    """An Ice identity."""
    identity = Ice.Identity()
    identity.name, identity.category = name, category
    return identity
