"""Phases of a deploy."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import operation


@operation()
def begin() -> Iterator[str]:
    """Nothing is done: pyinfra runs an operation that all hosts share on all hosts at the same
    time, so what stands before it is finished everywhere before what stands after it begins."""
    yield from ()
