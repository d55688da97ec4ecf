"""omero.api.ISession: sessions as objects."""

from __future__ import annotations

from typing import Any

import omero.api
import omero.model
from omero.rtypes import rlong, rstring, rtime

from tests.omero_stand_in.context import Context


class Session:
    """OMERO.web logs out by closeSession."""

    interface = omero.api.ISession

    def __init__(self, context: Context) -> None:
        self.context = context

    def getSession(self, uuid: str, current: Any) -> Any:
        found = self.context.sessions.find(uuid)
        if found is None:
            raise omero.RemovedSessionException("", "RemovedSessionException", uuid)
        timeout = int(self.context.sessions.idle_timeout * 1000)
        session = omero.model.SessionI(found.id, True)
        session.unloadCollections()
        session._uuid = rstring(found.uuid)
        session._started = rtime(int(found.started * 1000))
        session._timeToIdle = rlong(timeout)
        session._timeToLive = rlong(0)
        session._userAgent = rstring(found.agent)
        return session

    def getReferenceCount(self, uuid: str, current: Any) -> int:
        return 1

    def closeSession(self, session: Any, current: Any) -> int:
        self.context.sessions.close(session.uuid.val)
        return -2
