"""Whether this OMERO.web can be sent visitors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..locations import READY_NEEDS_SERVER, Locations
from ..shared import omero_server
from . import session_store

SERVER_TIMEOUT = 2.0  # seconds, for each OMERO.server


def report(servers: Sequence[Sequence[Any]], *, needs_server: bool) -> dict[str, Any]:
    """Each check's result and the whole; of an error only its kind, as its text may hold a secret.

    servers: as omero.web.server_list has them; one that accepts a connection is enough.
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
    """As the inventory, or the image's variable, says."""
    return locations.needs_server.exists() or os.environ.get(READY_NEEDS_SERVER) == "true"


def _connect(host: str, port: int) -> None:
    omero_server.connect(*omero_server.endpoint(host, port), SERVER_TIMEOUT)


def _result(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # whatever a store or a resolver raises
        return getattr(error, "strerror", None) or type(error).__name__
    return "ok"
