"""Check and count OMERO.web's sessions with the library that OMERO.web uses."""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from typing import Any

_CACHED = (".cache", ".cached_db")
_FILES = (".file", "filesessionstore")


def check() -> None:
    """Raise the store's error if a login cannot be stored: no Redis, no room for a file."""
    from django.conf import settings

    client = redis()
    if client is not None:
        # writes nothing, but fails like a real write (read-only replica, out of memory)
        client.setrange("omeroweb-ops", 0, "")
    elif settings.SESSION_ENGINE.endswith(_FILES):
        with tempfile.TemporaryFile(dir=_folder(), buffering=0) as file:
            file.write(b"x")
    else:
        import_module(settings.SESSION_ENGINE).SessionStore().exists("none")


def stored() -> int | None:
    """Return the number of sessions, including expired ones; None if it is not known."""
    from django.conf import settings

    client = redis()
    if client is not None:
        return int(client.dbsize())
    if not settings.SESSION_ENGINE.endswith(_FILES):
        return None
    with os.scandir(_folder()) as entries:
        return sum(entry.name.startswith(settings.SESSION_COOKIE_NAME) for entry in entries)


def redis() -> Any:
    """Return the Redis client of the sessions; None if they are not in Redis."""
    from django.conf import settings
    from django.core.cache import caches

    if not settings.SESSION_ENGINE.endswith(_CACHED):
        return None
    client: Any = getattr(caches[settings.SESSION_CACHE_ALIAS], "client", None)
    return client.get_client(write=True) if hasattr(client, "get_client") else None


def _folder() -> str:
    from django.conf import settings

    return str(settings.SESSION_FILE_PATH or tempfile.gettempdir())
