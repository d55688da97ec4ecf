"""Fixtures of the unit tests: no network, no Docker, no host."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


@pytest.fixture(autouse=True)
def _private_files() -> Iterator[None]:
    """A secrets file that others may read is refused; tests that are about modes set their own."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """No test cuts the power, so none needs the disk to be asked; one tests that it is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield
