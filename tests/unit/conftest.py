"""Fixtures of the unit tests: no network, no Docker, no host."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from omeroweb_ops.state.engine import Engine

from tests.unit.helpers import installation

settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A new and empty installation."""
    return installation(tmp_path)
