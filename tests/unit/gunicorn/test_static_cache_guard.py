"""A worker answers no page while NGINX may still have files of the release before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from omeroweb_ops.gunicorn import static_cache_guard
from omeroweb_ops.gunicorn.static_cache_guard import wait_for_static_files
from omeroweb_ops.shared.static_cache import STATIC_CACHE_VALID


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    return waits


@pytest.fixture
def link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    link = tmp_path / "venv3"
    link.symlink_to("releases/new")  # whose own age does not count
    monkeypatch.setattr(static_cache_guard, "CURRENT", link)
    return link


def test_a_link_that_has_just_changed_is_waited_for(link: Path, waits: list[float]) -> None:
    wait_for_static_files(None)
    end = time.time() + waits[0]
    assert end > os.lstat(link).st_ctime + STATIC_CACHE_VALID
    assert waits[0] < STATIC_CACHE_VALID + 0.1


@pytest.mark.parametrize("later", [STATIC_CACHE_VALID + 0.1, 86_400, -86_400])
def test_a_link_of_long_ago_or_of_another_clock_is_not(
    link: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch, later: float
) -> None:
    now = time.time() + later
    monkeypatch.setattr(time, "time", lambda: now)
    wait_for_static_files(None)
    link.unlink()
    wait_for_static_files(None)
    assert waits == []
