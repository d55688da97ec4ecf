"""omero.api.IAdmin: users and groups."""

from __future__ import annotations

from typing import Any

import omero.api
import omero.sys

from tests.omero_stand_in import content
from tests.omero_stand_in.context import Context

GROUP_PATHS = {("groupExperimenterMap", "parent", "groupExperimenterMap", "child")}
USER_PATHS = {("groupExperimenterMap", "child", "groupExperimenterMap", "parent")}


class Admin:
    """Who calls, and who else there is."""

    interface = omero.api.IAdmin

    def __init__(self, context: Context) -> None:
        self.context = context

    def getEventContext(self, current: Any) -> Any:
        context, session, user = self.context, self.context.session, self.context.user
        group = session.group
        return omero.sys.EventContext(
            shareId=-1,
            sessionId=session.id,
            sessionUuid=session.uuid,
            userId=user.id,
            userName=user.omeName,
            groupId=group.id,
            groupName=group.name,
            isAdmin=context.is_admin,
            adminPrivileges=[],
            eventId=-1,
            eventType="User",
            memberOfGroups=[each.id for each in context.content.groups(user)],
            leaderOfGroups=[],
            groupPermissions=context.marshal(group).details.permissions,
        )

    def getSecurityRoles(self, current: Any) -> Any:
        return omero.sys.Roles(
            rootId=content.ROOT,
            rootName="root",
            systemGroupId=content.SYSTEM_GROUP,
            systemGroupName="system",
            userGroupId=content.USER_GROUP,
            userGroupName="user",
            guestId=content.GUEST,
            guestName="guest",
            guestGroupId=content.GUEST_GROUP,
            guestGroupName="guest",
        )

    def getCurrentAdminPrivileges(self, current: Any) -> list[Any]:
        return []

    def getExperimenter(self, id: int, current: Any) -> Any:
        return self.context.marshal(self.context.find("Experimenter", id), USER_PATHS)

    def getGroup(self, id: int, current: Any) -> Any:
        return self.context.marshal(self.context.find("ExperimenterGroup", id), GROUP_PATHS)

    def getDefaultGroup(self, user: int, current: Any) -> Any:
        found = self.context.content.groups(self.context.find("Experimenter", user))[0]
        return self.context.marshal(found)

    def getMemberOfGroupIds(self, user: Any, current: Any) -> list[int]:
        found = self.context.content.groups(self.context.find("Experimenter", user.id.val))
        return [each.id for each in found]

    def getLeaderOfGroupIds(self, user: Any, current: Any) -> list[int]:
        return []

    def getMyUserPhotos(self, current: Any) -> list[Any]:
        return []

    def lookupExperimenter(self, name: str, current: Any) -> Any:
        user = self.context.content.user(name)
        if user is None:
            raise omero.ApiUsageException("", "ApiUsageException", f"No such experimenter: {name}")
        return self.context.marshal(user, USER_PATHS)

    def lookupLdapAuthExperimenters(self, current: Any) -> list[Any]:
        return []

    def lookupLdapAuthExperimenter(self, id: int, current: Any) -> str:
        return ""
