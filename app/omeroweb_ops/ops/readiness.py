"""Check whether this OMERO.web is ready for visitors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..locations import READY_NEEDS_SERVER, Locations
from ..shared import omero_server
from . import session_store

SERVER_TIMEOUT = 2.0  # seconds, for each OMERO.server


def report(servers: Sequence[Sequence[Any]], *, needs_server: bool) -> dict[str, Any]:
    """Return the result of each check and of all together.

    An error is reported by its type only, because its text may have a secret. servers: entries of
    omero.web.server_list; one reachable server is sufficient.
    """
    sessions = _result(session_store.check)
    found = {
        f"{host}:{port}": _result(lambda host=host, port=port: _connect(host, port))  # type: ignore[misc]
        for host, port, *_ in servers
    }
    reached = "ok" in found.values()
    return {
        "ready": sessions == "ok" and (reached or not needs_server),
        "session_store": sessions,
        "omero_server": {"needed": needs_server, "reached": reached, "servers": found},
    }


def needs_server(locations: Locations) -> bool:
    """Return whether the inventory, or the image's variable, requires an OMERO.server."""
    return locations.needs_server.exists() or os.environ.get(READY_NEEDS_SERVER) == "true"


def _connect(host: str, port: int) -> None:
    omero_server.connect(*omero_server.endpoint(host, port), SERVER_TIMEOUT)


def _result(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # any error of a store or a resolver
        return getattr(error, "strerror", None) or type(error).__name__
    return "ok"
