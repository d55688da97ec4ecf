"""OMERO.web's own log: earlier rotation of upstream's handlers, and of none but these."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.gunicorn import log_rotation
from omeroweb_ops.property_names import SESSION_ENGINE
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
    log_rotation.prepare()
    assert [(each.maxBytes, each.backupCount) for each in handlers] == [
        (50_000_000, 5),
        (50_000_000, 5),
        (7, 10),
    ]


def test_without_omero_web_nothing_is_touched(
    handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "omeroweb.settings")
    log_rotation.prepare()
    assert handlers[0].maxBytes == UPSTREAM


def test_a_site_s_own_logging_stays_as_it_is(handlers: Handlers) -> None:
    sys.modules["omeroweb.settings"].DJANGO_ADDITIONAL_SETTINGS.append(["LOGGING", {}])
    log_rotation.prepare()
    assert handlers[0].maxBytes == UPSTREAM
    assert handlers[0].formatter is None


class Shown(str):
    """Django's request, as far as a log needs it."""

    def __repr__(self) -> str:
        return str(self)


def test_what_a_visitor_chose_is_one_line_of_the_log(handlers: Handlers) -> None:
    request = "<WSGIRequest: GET '/a\nforged\x1b[2J'>"
    log_rotation.prepare()
    log_rotation.prepare()  # a worker does it once, and nothing happens to a line twice
    handlers[0].setFormatter(
        log_rotation.SafeFormatter(logging.Formatter("%(levelname)s %(message)s %(request)s"))
    )
    try:
        raise ValueError("bad\nWARNING forged\r\u2028\x85")
    except ValueError:
        record = {"extra": {"request": Shown(request)}, "exc_info": True}
        logging.getLogger("x").warning("%s", "\u2028\x1b\x85\u202e\nforged é", **record)  # type: ignore[arg-type]
    for handler in handlers:
        text = Path(handler.baseFilename).read_text("utf-8")
        assert all(line.isprintable() for line in text.split("\n"))
        assert r"\u2028\x1b\x85\u202e\nforged é" in text
        assert "\n    WARNING forged" in text  # a message of several lines is indented
        assert "\nValueError: bad" in text
        assert not re.search("^(WARNING )?forged", text, re.M)


@given(st.text())
def test_escaped_text_is_one_line_and_stays_as_it_is(text: str) -> None:
    escaped = log_rotation.escape(text)
    assert escaped.isprintable()
    assert len([*escaped.splitlines()]) <= 1
    assert log_rotation.escape(escaped) == escaped
    assert escaped == text or not text.isprintable()


@pytest.mark.parametrize(
    "said",
    [
        "GET /webclient/?username=ada&password=geheim&server=1",
        "GET /webclient/?p%61ssw%6Frd=geheim",
        "<WSGIRequest: GET '/webclient/?bsession=geheim'>",
        "Successfully joined connection: 0ddba11f-0000-4000-8000-000000000000",
    ],
)
@pytest.mark.parametrize("queries", [True, False])
def test_no_secret_of_a_query_is_in_the_log(said: str, queries: bool) -> None:
    record = logging.makeLogRecord({"msg": said})
    text = log_rotation.SafeFormatter(logging.Formatter(), queries=queries).format(record)
    assert "geheim" not in text
    if queries:
        assert "0ddba11f" not in text
        assert ("server=1" in text) == ("server=1" in said)


def test_the_log_of_clearsessions_is_moved_aside_when_it_is_long(engine: Engine) -> None:
    folder = engine.locations.logs
    folder.mkdir(parents=True)
    config_xml.write(engine.locations.config_xml, {SESSION_ENGINE: derived.CACHE_ENGINE})
    assert command.clear(engine) == 0
    log = folder / "clearsessions.log"
    assert len(log.read_text().splitlines()) == 1
    log.write_text("x" * 99_999 + "\n")
    assert command.clear(engine) == 0
    assert [path.name for path in folder.iterdir()] == ["clearsessions.log"]
    assert command.clear(engine) == 0
    assert log.with_name("clearsessions.log.1").stat().st_size > 100_000
    assert len(log.read_text().splitlines()) == 1
