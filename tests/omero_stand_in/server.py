"""The Ice side: endpoints, one adapter for everything, and which servant a request is for."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import Ice
import omero
import omero.ObjectFactoryRegistrar
import omero.rtypes

from tests.omero_stand_in.calls import Calls
from tests.omero_stand_in.content import Content
from tests.omero_stand_in.context import Context
from tests.omero_stand_in.dispatch import not_implemented, servant
from tests.omero_stand_in.files import Files
from tests.omero_stand_in.servants.admin import Admin
from tests.omero_stand_in.servants.config import Config
from tests.omero_stand_in.servants.containers import Containers
from tests.omero_stand_in.servants.metadata import Metadata
from tests.omero_stand_in.servants.pixels import Pixels
from tests.omero_stand_in.servants.query import Query
from tests.omero_stand_in.servants.raw_files import RawFiles
from tests.omero_stand_in.servants.raw_pixels import RawPixels
from tests.omero_stand_in.servants.rendering import RenderingEngine
from tests.omero_stand_in.servants.repository import Repository
from tests.omero_stand_in.servants.rois import Rois
from tests.omero_stand_in.servants.router import SESSION_CATEGORY, Router
from tests.omero_stand_in.servants.scripts import Scripts
from tests.omero_stand_in.servants.search import Search
from tests.omero_stand_in.servants.service_factory import ServiceFactory
from tests.omero_stand_in.servants.session import Session
from tests.omero_stand_in.servants.thumbnails import Thumbnails
from tests.omero_stand_in.servants.timeline import Timeline
from tests.omero_stand_in.servants.types import Types
from tests.omero_stand_in.servants.update import Update
from tests.omero_stand_in.sessions import Sessions

ROUTER = ("router", "OMERO.Glacier2")
MESSAGE_SIZE = 250_000  # kB, as OMERO's clients have it: MESSAGESIZEMAX
THREADS = 20
Make = Callable[[Context], Any]


@dataclass(frozen=True)
class Endpoints:
    """Where to listen. certificate: a PEM file with key and certificate, for ssl and wss.

    port: ssl. tcp, wss: more ports; 0: none.
    """

    address: str
    port: int
    certificate: Path
    tcp: int = 0
    wss: int = 0

    @property
    def text(self) -> str:
        """As Ice writes them."""
        where = {"ssl": self.port, "tcp": self.tcp, "wss": self.wss}
        path = {"wss": " -r /omero-wss"}
        return ":".join(
            f"{kind} -h {self.address} -p {port}{path.get(kind, '')}"
            for kind, port in where.items()
            if port
        )


@dataclass
class Server:
    """A stand-in that has not been started, or that runs. version: the server's, as 5.6.x."""

    content: Content
    sessions: Sessions
    calls: Calls
    version: str
    tcp_port: int = 0
    files: Files = field(default_factory=Files)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._router = servant(Router(self.sessions), self.calls)

    @property
    def settings(self) -> dict[str, str]:
        """What IConfig says of this server."""
        insecure = f"OMERO.Glacier2/router:tcp -p {self.tcp_port} -h @omero.host@"
        return {
            "omero.version": self.version,
            "omero.router.insecure": insecure if self.tcp_port else "",
        }

    def services(self) -> dict[str, Make]:
        """The services, by the first part of their name."""
        return {
            "IAdmin": Admin,
            "IConfig": lambda context: Config(context, self.settings),
            "IContainer": Containers,
            "IMetadata": Metadata,
            "IPixels": Pixels,
            "IQuery": Query,
            "IRepositoryInfo": Repository,
            "IRoi": Rois,
            "IScript": Scripts,
            "ISession": Session,
            "ITimeline": Timeline,
            "ITypes": Types,
            "IUpdate": Update,
            "RawFileStore": lambda context: RawFiles(context, self.files),
            "RawPixelsStore": RawPixels,
            "RenderingEngine": RenderingEngine,
            "Search": Search,
            "ThumbnailStore": Thumbnails,
        }

    def locate(self, identity: Any) -> Any:
        """The servant that an object's identity belongs to. Raises Ice's or OMERO's exceptions."""
        if (identity.name, identity.category) == ROUTER:
            return self._router
        is_session = identity.category == SESSION_CATEGORY
        session = self.sessions.find(identity.name if is_session else identity.category)
        if session is None:
            raise Ice.ObjectNotExistException()
        context = Context(self.content, self.sessions, session)
        name = identity.name.partition("-")[0]
        make = ServiceFactory if is_session else self.services().get(name)
        if make is None:
            self.calls.refused(name)
            raise not_implemented(name)
        with self._lock:
            if identity.name not in session.servants:
                session.servants[identity.name] = servant(make(context), self.calls)
            return session.servants[identity.name]

    def close(self, identity: Any) -> None:
        """Forget a stateful service that its client has closed."""
        session = self.sessions.find(identity.category)
        if session:
            session.servants.pop(identity.name, None)


@contextlib.contextmanager
def listening(server: Server, endpoints: Endpoints) -> Iterator[None]:
    """Answer clients for as long as the block lasts."""
    properties = Ice.createProperties()
    for name, value in {
        "Ice.Plugin.IceSSL": "IceSSL:createIceSSL",
        "IceSSL.CertFile": str(endpoints.certificate),
        "IceSSL.VerifyPeer": "0",
        "Ice.MessageSizeMax": str(MESSAGE_SIZE),
        "Ice.ThreadPool.Server.Size": str(THREADS),
        "Ice.ThreadPool.Server.SizeMax": str(THREADS),
        "Ice.Warn.Dispatch": "0",
        "Ice.ACM.Server.Heartbeat": "3",
    }.items():
        properties.setProperty(name, value)
    data = Ice.InitializationData()
    data.properties = properties
    communicator = Ice.initialize(data)
    try:
        omero.ObjectFactoryRegistrar.registerObjectFactory(communicator, None)
        for factory in omero.rtypes.ObjectFactories.values():
            factory.register(communicator)
        adapter = communicator.createObjectAdapterWithEndpoints("OMERO", endpoints.text)
        adapter.addServantLocator(_Locator(server), "")
        adapter.activate()
        yield
    finally:
        communicator.destroy()


class _Locator(Ice.ServantLocator):  # type: ignore[misc] # Ice has no types
    def __init__(self, server: Server) -> None:
        self.server = server

    def locate(self, current: Any) -> Any:
        return self.server.locate(current.id)

    def finished(self, current: Any, servant: Any, cookie: Any) -> None:
        if current.operation == "close":
            self.server.close(current.id)

    def deactivate(self, category: str) -> None:
        """Nothing."""
