"""Fixtures of the tests that run pyinfra on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all


@pytest.fixture
def state() -> Iterator[State]:
    """A run of pyinfra on this machine, to which a test adds operations."""
    found = State(Inventory((["@local"], {})), Config())
    connect_all(found)
    yield found
    disconnect_all(found)
