"""omero.api.ServiceFactory: a session, which hands out its services."""

from __future__ import annotations

import uuid
from typing import Any

import omero
import omero.api

from tests.omero_stand_in.context import Context, new_identity

STATELESS = (
    "Admin",
    "Config",
    "Container",
    "Metadata",
    "Pixels",
    "Projection",
    "Query",
    "RenderingSettings",
    "RepositoryInfo",
    "Roi",
    "Script",
    "Session",
    "Share",
    "Timeline",
    "Types",
    "Update",
    "Ldap",
)
STATEFUL = (
    "Exporter",
    "JobHandle",
    "RawFileStore",
    "RawPixelsStore",
    "RenderingEngine",
    "Search",
    "ThumbnailStore",
)
SERVICE_METHOD = {"Search": "createSearchService"}


class ServiceFactory:
    """The proxies of all services: what is behind one shows when it is called."""

    interface = omero.api.ServiceFactory

    def __init__(self, context: Context) -> None:
        self.context = context
        for name in STATELESS:
            setattr(self, f"get{name}Service", lambda current, n=name: self._stateless(n, current))
        for name in STATEFUL:
            method = SERVICE_METHOD.get(name, f"create{name}")
            setattr(self, method, lambda current, n=name: self._stateful(n, current))

    def _stateless(self, name: str, current: Any) -> Any:
        identity = new_identity(f"I{name}", self.context.session.uuid)
        proxy = current.adapter.createProxy(identity)
        return getattr(omero.api, f"I{name}Prx").uncheckedCast(proxy)

    def _stateful(self, name: str, current: Any) -> Any:
        identity = new_identity(f"{name}-{uuid.uuid4()}", self.context.session.uuid)
        proxy = current.adapter.createProxy(identity)
        return getattr(omero.api, f"{name}Prx").uncheckedCast(proxy)

    def sharedResources(self, current: Any) -> Any:
        identity = new_identity("SharedResources", self.context.session.uuid)
        return omero.grid.SharedResourcesPrx.uncheckedCast(current.adapter.createProxy(identity))

    def setCallback(self, callback: Any, current: Any) -> None:
        """Nobody is called back."""

    def detachOnDestroy(self, current: Any) -> None:
        """Sessions always outlive their clients."""

    def closeOnDestroy(self, current: Any) -> None:
        """OMERO.web closes sessions by ISession.closeSession."""

    def activeServices(self, current: Any) -> list[str]:
        return [name for name in self.context.session.servants if name.startswith(STATEFUL)]

    def keepAlive(self, service: Any, current: Any) -> bool:
        return True

    def keepAllAlive(self, services: Any, current: Any) -> int:
        return 0

    def destroy(self, current: Any) -> None:
        """As Router.destroySession."""
