"""Whether an OMERO.server takes connections: looked at by a TCP connection that holds up nobody.

Ice's client tries for 35 seconds to reach a server that drops packets, and OMERO.web twice for each
login (omero/clients.py, omero/gateway, omeroweb/connector.py); a session that cannot be joined then
it takes for one that has ended, and logs the user out. Here a connection is tried for a few seconds
before, by one request for all others of a worker. What is done, is done in gunicorn's workers
alone: OMERO.web's apps and middleware stay as the site has them.
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

UP_INTERVAL = 1.0  # seconds for which a server that took a connection is not tried again
DOWN_INTERVAL = 2.0  # the same of one that took none
_TEXT = b"OMERO.web cannot reach its OMERO.server. Please try again in a moment.\n"


class ServerUnreachable(BaseException):
    """A session's OMERO.server takes no connection. No Exception, as SessionStoreUnavailable."""


class Reachability:
    """What the requests of one worker know of one server.

    try_connection: raises OSError where the server takes no connection. log: for each change.
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
        """Whether it takes connections. One request at a time finds out; others wait for the
        outcome, but not while the last one was that it does not."""
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
        except Exception:  # a name that cannot be encoded: OMERO.web finds out by itself
            reason = ""
        with self._changed:
            if up != (self._up is not False):
                self._log("takes connections again" if up else f"cannot be reached: {reason}")
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
        """Of an entry of omero.web.server_list; True where that cannot be found out."""

        def try_connection() -> None:
            connect(*endpoint(host, port))

        def log(line: str) -> None:
            log_line(f"OMERO.server {host}:{port} {line}")

        with self._lock:
            found = self._known.setdefault((host, port), Reachability(try_connection, log))
        return found.is_up()


def install(worker: Any) -> None:
    """gunicorn's post_worker_init hook: nothing where Ice has a configuration of the site's own, as
    it may name a proxy on the way."""
    if os.environ.get("ICE_CONFIG"):
        return
    from omeroweb.connector import Connector

    guard_connector(Connector, Servers().is_reachable)
    worker.wsgi = answer_unreachable(worker.wsgi)


def guard_connector(connector: Any, is_reachable: Callable[[str, int], bool]) -> None:
    """Let OMERO.web's Connector ask only a server that takes connections. A user whose server does
    not is not logged out: ServerUnreachable."""

    def guard(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def wrapped(self: Any, *arguments: Any, **named: Any) -> Any:
            if is_reachable(*self.lookup_host_and_port()):
                return method(self, *arguments, **named)
            if method.__name__ == "join_connection" and _is_login(self):
                raise ServerUnreachable
            return None  # OMERO.web's own answer where there is no connection

        return wrapped

    for name in ("create_connection", "create_guest_connection", "join_connection"):
        setattr(connector, name, guard(getattr(connector, name)))


def _is_login(connector: Any) -> bool:
    """Whether it is a user's, who was logged in; not a visitor's of public pages, or a guess."""
    return connector.user_id is not None and not connector.is_public


def answer_unreachable(application: Application) -> Application:
    """The WSGI application; a request whose server cannot be reached is answered with 503."""

    def answer(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            return application(environ, start_response)
        except ServerUnreachable:
            return unavailable(start_response, _TEXT)

    return answer
