"""Notice at once that Redis has ended, without a request to Redis for each page.

Redis never sends anything on a connection without commands, and the kernel closes the connection
when Redis ends. So a look at an idle connection is enough, and it takes a few microseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol


class Connection(Protocol):
    """What is used of redis.connection.ConnectionInterface."""

    def disconnect(self) -> None: ...
    def can_read(self, timeout: float = 0) -> bool: ...


class StoreWatch:
    """An idle connection to Redis. connect: returns a new one; it may raise any exception."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._in_use = threading.Lock()

    def is_open(self) -> bool:
        """Return whether Redis has been running since `begin`."""
        if not self._in_use.acquire(blocking=False):
            return True  # another thread of this worker looks at this moment
        try:
            return self._connection is not None and not self._has_ended(self._connection)
        finally:
            self._in_use.release()

    def begin(self) -> None:
        """Connect again, unless the connection is open. Call it after Redis has answered."""
        with self._in_use:
            if self._connection is None:
                with suppress(Exception):  # the next request to Redis tells the reason
                    self._connection = self._connect()

    def _has_ended(self, connection: Connection) -> bool:
        try:
            ended = connection.can_read(0)
        except Exception:  # redis-py's own class, or the operating system's
            ended = True
        if ended:
            self._connection = None
            with suppress(Exception):
                connection.disconnect()
        return ended


def of_cache(alias: str) -> StoreWatch | None:
    """Return the watch of a cache of Django's; None if the cache is not in Redis."""
    try:
        from django_redis import get_redis_connection
    except ImportError:  # a site's own lock
        return None

    def connect() -> Any:
        connection = get_redis_connection(alias).connection_pool.make_connection()
        connection.connect()
        return connection

    return StoreWatch(connect)
