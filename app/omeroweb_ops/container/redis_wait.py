"""Wait until the Redis of the sessions answers, so that the containers may start in any order."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from ..property_names import CACHES, SESSION_ENGINE
from ..shared import redis_client
from ..state.derived import CACHE_ENGINE

LIMIT = 60.0  # seconds
_PAUSE = 0.1  # seconds
_TIMEOUT = 1.0  # seconds


def wait(properties: Mapping[str, Any], limit: float = LIMIT) -> bool:
    """Return whether Redis answers. Without it OMERO.web answers 503 until Redis does.

    properties: the desired ones. limit: seconds. Returns True if sessions are elsewhere.
    """
    found = _sessions(properties)
    if found is None:
        return True
    import redis  # 0.1 s, which a container with file sessions saves

    location, options = found
    try:
        client = redis_client.connect(location, options, _TIMEOUT, retry=None)
    except ValueError:
        return True  # no URL of redis-py's; OMERO.web reports it
    until, told = time.monotonic() + limit, False
    while True:
        try:
            client.ping()
            return True
        except redis.RedisError as error:
            reason = f"{type(error).__name__}: {error}"
        if time.monotonic() >= until:
            print(f"omeroweb-ops: warning: {location} does not answer ({reason})", file=sys.stderr)
            return False
        if not told:
            print(f"omeroweb-ops: waiting for {location}", file=sys.stderr, flush=True)
            told = True
        time.sleep(_PAUSE)


def _sessions(properties: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the URL and the options of the cache that has the sessions; None without one."""
    caches = properties.get(CACHES)
    if properties.get(SESSION_ENGINE) != CACHE_ENGINE or not isinstance(caches, Mapping):
        return None
    cache = caches.get("sessions") or caches.get("default")
    if not isinstance(cache, Mapping) or not isinstance(cache.get("LOCATION"), str):
        return None
    return cache["LOCATION"], cache.get("OPTIONS") or {}
