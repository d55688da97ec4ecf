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
    omeroweb = sys.modules.get("omeroweb.settings")
    upstream = getattr(omeroweb, "LOGSIZE", None)
    own = dict(getattr(omeroweb, "DJANGO_ADDITIONAL_SETTINGS", ()))
    if upstream is None or "LOGGING" in own:
        return
    for handler in _handlers():
        if getattr(handler, "maxBytes", None) == upstream:
            handler.maxBytes, handler.backupCount = SIZE, COPIES  # type: ignore[attr-defined]


def _handlers() -> list[logging.Handler]:
    named = logging.root.manager.loggerDict.values()
    loggers = [logging.root, *(each for each in named if isinstance(each, logging.Logger))]
    return [handler for each in loggers for handler in each.handlers]
