"""Store values of one run of pyinfra for later operations of the same run."""

from __future__ import annotations

from typing import TypeVar
from weakref import WeakKeyDictionary

from pyinfra.api import State

T = TypeVar("T")


class RunContext:
    """At most one value of each class, for the run or for one of its hosts."""

    def __init__(self) -> None:
        self._values: dict[tuple[type, str], object] = {}

    def put(self, value: object, host: str = "") -> None:
        """Keep a value. host: its name, or "" for a value of the whole run."""
        self._values[type(value), host] = value

    def get(self, kind: type[T], host: str = "") -> T | None:
        """Return the value of a class that was put, or None."""
        value = self._values.get((kind, host))
        return value if isinstance(value, kind) else None


_CONTEXTS: WeakKeyDictionary[State, RunContext] = WeakKeyDictionary()


def of(state: State) -> RunContext:
    """Return the context of a run, which ends with its State."""
    return _CONTEXTS.setdefault(state, RunContext())
