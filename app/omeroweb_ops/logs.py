"""OMERO.web's own log, kept to a sensible size.

omeroweb.settings lets OMEROweb.log grow to 500 MB and keeps ten of them; no property changes that.
Its handler locks the file, so that several workers can write and rotate it.
"""

from __future__ import annotations

import logging
import sys

SIZE = 50_000_000  # bytes
COPIES = 5


def bound() -> None:
    """Rotate OMERO.web's log earlier, in this process.

    Handlers of a site's own LOGGING (omero.web.django_additional_settings) stay as they are.
    """
    upstream = getattr(sys.modules.get("omeroweb.settings"), "LOGSIZE", None)
    for handler in {*_handlers()}:
        if upstream is not None and getattr(handler, "maxBytes", None) == upstream:
            handler.maxBytes, handler.backupCount = SIZE, COPIES  # type: ignore[attr-defined]


def _handlers() -> list[logging.Handler]:
    named = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(each for each in named if isinstance(each, logging.Logger))]
    return [handler for each in loggers for handler in each.handlers]
