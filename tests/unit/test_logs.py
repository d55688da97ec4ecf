"""OMERO.web's own log: earlier rotation of upstream's handlers, and of none but these."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from omeroweb_ops import logs

UPSTREAM = 500_000_000
Handlers = list[RotatingFileHandler]


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    """Upstream's handler, another of upstream's on a logger, and one of the site's own."""
    monkeypatch.setitem(sys.modules, "omeroweb.settings", SimpleNamespace(LOGSIZE=UPSTREAM))
    made = [
        RotatingFileHandler(tmp_path / "log", maxBytes=size, backupCount=10)
        for size in (UPSTREAM, UPSTREAM, 7)
    ]
    loggers = [logging.root, logging.getLogger("django.request"), logging.root]
    for logger, handler in zip(loggers, made, strict=True):
        logger.addHandler(handler)
    yield made
    for logger, handler in zip(loggers, made, strict=True):
        logger.removeHandler(handler)
        handler.close()


def test_upstream_s_handlers_rotate_earlier(handlers: Handlers) -> None:
    logs.bound()
    assert [(each.maxBytes, each.backupCount) for each in handlers] == [
        (50_000_000, 5),
        (50_000_000, 5),
        (7, 10),
    ]


def test_without_omero_web_nothing_is_touched(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "omeroweb.settings")
    logs.bound()
    assert handlers[0].maxBytes == UPSTREAM
