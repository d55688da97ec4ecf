"""Check with a short TCP connection whether an OMERO.server is reachable, before OMERO.web uses it.

Ice's client tries for 35 seconds to reach a server that drops packets, and OMERO.web tries twice
for each login (omero/clients.py, omero/gateway, omeroweb/connector.py). OMERO.web then takes a
session that it cannot join for an ended session, and logs the user out. This guard tries a
connection for a few seconds first, once for all requests of a worker. It changes only gunicorn's
workers: OMERO.web's apps and middleware stay as the site has them.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..shared.omero_server import connect, endpoint
from .session_store_guard import Application, Environ, unavailable
from .session_store_guard import log as log_line

UP_INTERVAL = 1.0  # seconds for which a reachable server is not tried again
DOWN_INTERVAL = 2.0  # seconds for which an unreachable server is not tried again
_TEXT = b"OMERO.web cannot reach its OMERO.server. Please try again in a moment.\n"


class ServerUnreachable(BaseException):
    """A session's OMERO.server is unreachable. Not an Exception, like SessionStoreUnavailable."""


class Reachability:
    """The reachability of one server, for all requests of one worker.

    try_connection: raises OSError if the server is unreachable. log: called for each change.
    """

    def __init__(
        self,
        try_connection: Callable[[], object],
        log: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._try, self._log, self._clock = try_connection, log, clock
        self._changed = threading.Condition()
        self._up: bool | None = None  # None: never tried
        self._known_until = 0.0
        self._trying = False

    def is_up(self) -> bool:
        """Return whether the server is reachable.

        One request at a time tries a connection. Other requests wait for the result, unless the
        last result was that the server is unreachable.
        """
        with self._changed:
            while self._up is None or self._clock() >= self._known_until:
                if not self._trying:
                    self._trying = True
                    break
                if self._up is False:
                    return False
                self._changed.wait()
            else:
                return self._up
        return self._find_out()

    def _find_out(self) -> bool:
        up, reason = True, ""
        try:
            self._try()
        except OSError as error:
            up, reason = False, error.strerror or str(error) or type(error).__name__
        except Exception:  # for example a name that cannot be encoded: OMERO.web reports it
            reason = ""
        with self._changed:
            if up != (self._up is not False):
                self._log("is reachable again" if up else f"is unreachable: {reason}")
            self._up, self._trying = up, False
            self._known_until = self._clock() + (UP_INTERVAL if up else DOWN_INTERVAL)
            self._changed.notify_all()
        return up


class Servers:
    """The OMERO.servers of one worker."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int | str], Reachability] = {}
        self._lock = threading.Lock()

    def is_reachable(self, host: str, port: int | str) -> bool:
        """Return whether an entry of omero.web.server_list is reachable; True if unknown."""

        def try_connection() -> None:
            connect(*endpoint(host, port))

        def log(line: str) -> None:
            log_line(f"OMERO.server {host}:{port} {line}")

        with self._lock:
            found = self._known.setdefault((host, port), Reachability(try_connection, log))
        return found.is_up()


def install(worker: Any) -> None:
    """post_worker_init hook. Install the guard.

    Ice's own configuration (ICE_CONFIG) may name a proxy, so the guard is not installed then.
    """
    if os.environ.get("ICE_CONFIG"):
        return
    from omeroweb.connector import Connector

    guard_connector(Connector, Servers().is_reachable)
    worker.wsgi = answer_unreachable(worker.wsgi)


def guard_connector(connector: Any, is_reachable: Callable[[str, int], bool]) -> None:
    """Make OMERO.web's Connector use only a reachable server.

    A user whose server is unreachable is not logged out: the method raises ServerUnreachable.
    """

    def guard(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
            if is_reachable(*self.lookup_host_and_port()):
                return method(self, *arguments, **named)
            if method.__name__ == "join_connection" and _is_login(self):
                raise ServerUnreachable
            return None  # as OMERO.web without a connection

        return wrapped

    for name in ("create_connection", "create_guest_connection", "join_connection"):
        setattr(connector, name, guard(getattr(connector, name)))


def _is_login(connector: Any) -> bool:
    """Return whether a connector is a logged-in user's, neither public nor a login attempt."""
    return connector.user_id is not None and not connector.is_public


def answer_unreachable(application: Application) -> Application:
    """Return a WSGI application that answers 503 to a request whose server is unreachable."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except ServerUnreachable:
            return unavailable(start_response, _TEXT)

    return answer
