"""Act regularly in gunicorn's master, without a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def at_each_turn(server: Any, act: Callable[[], None]) -> None:
    """Call a function in the master's loop for its workers, which turns once a second.

    The function stays through HUP. An exception of the function would end the loop.
    """
    murder_workers = server.murder_workers

    def turn() -> None:
        murder_workers()
        act()

    server.murder_workers = turn
