"""Connect to the Redis of one of Django's caches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def connect(location: str, options: Mapping[str, Any], timeout: float, **more: Any) -> Any:
    """Return redis-py's client for the LOCATION and OPTIONS of a cache of django-redis.

    timeout: seconds. more: further arguments of the client. Raises ValueError for another URL.
    """
    import redis  # 0.1 s, and only in the virtualenv of a web host

    return redis.Redis.from_url(
        location,
        username=options.get("USERNAME"),
        password=options.get("PASSWORD"),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        **more,
    )
