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
from omeroweb_ops.sessions import command
from omeroweb_ops.state import config_xml, derived
from omeroweb_ops.state.engine import Engine

UPSTREAM = 500_000_000
Handlers = list[RotatingFileHandler]


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handlers]:
    """Upstream's handler, another of upstream's on a logger, and one of the site's own."""
    omeroweb = SimpleNamespace(LOGSIZE=UPSTREAM, DJANGO_ADDITIONAL_SETTINGS=[["A", 1]])
    monkeypatch.setitem(sys.modules, "omeroweb.settings", omeroweb)
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


def test_a_site_s_own_logging_stays_as_it_is(handlers: Handlers) -> None:
    sys.modules["omeroweb.settings"].DJANGO_ADDITIONAL_SETTINGS.append(["LOGGING", {}])
    logs.bound()
    assert handlers[0].maxBytes == UPSTREAM


def test_the_log_of_clearsessions_is_moved_aside_when_it_is_long(engine: Engine) -> None:
    folder = engine.locations.logs
    folder.mkdir(parents=True)
    config_xml.write(engine.locations.config_xml, {derived.ENGINE: derived.CACHE_ENGINE})
    assert command.clear(engine) == 0
    log = folder / "clearsessions.log"
    assert len(log.read_text().splitlines()) == 1
    log.write_text("x" * 99_999 + "\n")
    assert command.clear(engine) == 0
    assert [path.name for path in folder.iterdir()] == ["clearsessions.log"]
    assert command.clear(engine) == 0
    assert log.with_name("clearsessions.log.1").stat().st_size > 100_000
    assert len(log.read_text().splitlines()) == 1
