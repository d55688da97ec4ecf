"""Glacier2.Router: the door of OMERO.server, at which clients log in.

Nothing is routed: a client sends what it has for a routed object over its connection to the router,
under that object's own identity. So one adapter with a servant locator serves everything.
"""

from __future__ import annotations

from typing import Any

import Glacier2

from tests.omero_stand_in.context import new_identity
from tests.omero_stand_in.sessions import Refused, Sessions

SESSION_CATEGORY = "session"
AGENT = "omero.agent"


class Router:
    """One for all clients."""

    interface = Glacier2.Router

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions

    def createSession(self, name: str, password: str, current: Any) -> Any:
        try:
            session = self.sessions.log_in(name, password, current.ctx.get(AGENT, ""))
        except Refused as refusal:
            raise Glacier2.PermissionDeniedException(str(refusal)) from None
        # Clients take the name for the session's UUID.
        proxy = current.adapter.createProxy(new_identity(session.uuid, SESSION_CATEGORY))
        return Glacier2.SessionPrx.uncheckedCast(proxy)

    def destroySession(self, current: Any) -> None:
        """A client leaves. It has asked for detachOnDestroy, so the session stays."""

    def refreshSession(self, current: Any) -> None:
        """Nothing."""

    def getCategoryForClient(self, current: Any) -> str:
        return "client"

    def getClientProxy(self, current: Any) -> None:
        """Null: the client then uses the router's own endpoints."""

    def getServerProxy(self, current: Any) -> Any:
        return current.adapter.createProxy(new_identity("callbacks", ""))

    def addProxies(self, proxies: Any, current: Any) -> list[Any]:
        return []

    def getSessionTimeout(self, current: Any) -> int:
        return int(self.sessions.idle_timeout)

    def getACMTimeout(self, current: Any) -> int:
        return 0
