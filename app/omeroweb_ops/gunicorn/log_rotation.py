"""Limit the size of the workers' logs, remove secrets, and log each event in one line.

omeroweb.settings lets OMEROweb.log grow to 500 MB and keeps ten; no property changes that.
Its handler locks the file, so that several workers can write and rotate it.
"""

from __future__ import annotations

import copy
import logging
import re
import sys
import traceback
from collections.abc import Iterator

MAX_LOG_SIZE = 50_000_000  # bytes
COPIES = 5
GUNICORN = ("gunicorn.access", "gunicorn.error")


def _encoded(word: str) -> str:
    """Return a pattern for a word of a URL whose letters may be percent-encoded."""
    return "".join(f"(?:{letter}|%{ord(letter):02x})" for letter in word)


_QUERY = re.compile(r"\?[^\s'\"]+")
_SECRET = re.compile(
    rf"\b({_encoded('password')}|{_encoded('bsession')})=[^&\s'\"<>]+", re.IGNORECASE
)
# omeroweb.connector logs session keys at level DEBUG; anyone who has a key can act as its user.
_SESSION_KEY = re.compile(r"(connection|gateway): [0-9a-f]{8}-[0-9a-f-]{27}")


def prepare() -> None:
    """Set SafeFormatter for this process's log handlers, and rotate OMERO.web's log earlier.

    Handlers of a site's own LOGGING (omero.web.django_additional_settings) are not changed.
    """
    for name in GUNICORN:
        for handler in logging.getLogger(name).handlers:
            _make_safe(handler, queries=False)
    omeroweb = sys.modules.get("omeroweb.settings")
    upstream = getattr(omeroweb, "LOGSIZE", None)
    own = dict(getattr(omeroweb, "DJANGO_ADDITIONAL_SETTINGS", ()))
    if upstream is None or "LOGGING" in own:
        return
    for handler in _handlers():
        if getattr(handler, "maxBytes", None) == upstream:
            handler.maxBytes, handler.backupCount = MAX_LOG_SIZE, COPIES  # type: ignore[attr-defined]
        _make_safe(handler)


class SafeFormatter(logging.Formatter):
    """Formats a record with another formatter, without secrets and without forged lines.

    queries: whether a URL's query is written, always without passwords and session keys.
    """

    def __init__(self, formatter: logging.Formatter, *, queries: bool = True) -> None:
        super().__init__()
        self.formatter, self.queries = formatter, queries

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text. The record itself is not changed for other handlers."""
        safe = copy.copy(record)
        safe.msg, safe.args = escape(record.getMessage()), None
        if record.exc_info and record.exc_info[0]:
            safe.exc_text = "\n".join(_lines_of(record))
        if hasattr(record, "request"):  # Django's, which omeroweb.settings' formatter writes
            safe.request = escape(repr(record.request))
        text = self.formatter.format(safe)
        if not self.queries:
            return _QUERY.sub("?...", text)
        return _SESSION_KEY.sub(r"\1: ***", _SECRET.sub(r"\1=***", text))


def escape(text: str) -> str:
    """Return text in which non-printable characters are escaped as in Python.

    These are line breaks of any kind, terminals' escape sequences and changes of direction.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def _lines_of(record: logging.LogRecord) -> Iterator[str]:
    """Yield a traceback's lines. The lines of a message, which may be a visitor's, are indented."""
    assert record.exc_info
    for part in traceback.format_exception(*record.exc_info):
        first, *more = part.rstrip("\n").split("\n")
        yield escape(first)
        for line in more:
            yield escape(line if line.startswith(" ") else f"    {line}")


def _make_safe(handler: logging.Handler, *, queries: bool = True) -> None:
    if not isinstance(handler.formatter, SafeFormatter):
        formatter = handler.formatter or logging.Formatter()
        handler.setFormatter(SafeFormatter(formatter, queries=queries))


def _handlers() -> list[logging.Handler]:
    named = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(each for each in named if isinstance(each, logging.Logger))]
    return [handler for each in loggers for handler in each.handlers]
