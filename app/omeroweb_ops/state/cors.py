"""Compute the properties that django-cors-headers and Django need for calls from other origins.

Pure: no I/O.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..property_names import (
    APPS,
    CORS_ORIGIN_WHITELIST,
    CSRF_COOKIE_SAMESITE,
    CSRF_COOKIE_SECURE,
    MIDDLEWARE,
    SESSION_COOKIE_SAMESITE,
    SESSION_COOKIE_SECURE,
)

# A cookie's SameSite property, and its Secure property, without which browsers ignore
# SameSite=None.
COOKIES = {
    SESSION_COOKIE_SAMESITE: SESSION_COOKIE_SECURE,
    CSRF_COOKIE_SAMESITE: CSRF_COOKIE_SECURE,
}
APP = "corsheaders"
FIRST = "corsheaders.middleware.CorsMiddleware"
_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
_CSRF_INDEX = 4.0  # in OMERO.web's own list, which counts from 1


def additions(origins: Sequence[str], middleware: Any) -> dict[str, list[Any]]:
    """Return the items to add to each list. middleware: the site's own list; None: the release's.

    omero.web.csrf_trusted_origins is not included, because other modules add origins to it, too.
    """
    if not origins:
        return {}
    return {
        APPS: [APP],
        MIDDLEWARE: _middleware(middleware),
        CORS_ORIGIN_WHITELIST: [*origins],
    }


def cookies() -> dict[str, Any]:
    """Return the properties of cookies that browsers send with calls from other sites."""
    return dict.fromkeys(COOKIES, "None")


def _middleware(own: Any) -> list[dict[str, Any]]:
    """Return the two middlewares with their indexes (django-cors-headers 3.7.0, Setup).

    The first comes before every middleware that may answer. The second restores the Referer that
    the first has replaced, so it comes right after the CSRF check.
    """
    places = dict(_places(own if isinstance(own, (list, tuple)) else ()))
    csrf = places.get(_CSRF, _CSRF_INDEX)
    later = [place for place in places.values() if place > csrf]
    return [
        {
            "index": min([0.5, *(place - 0.5 for place in places.values())]),
            "class": FIRST,
        },
        {
            "index": (csrf + min(later, default=csrf + 1)) / 2,
            "class": "corsheaders.middleware.CorsPostCsrfMiddleware",
        },
    ]


def _places(middleware: Sequence[Any]) -> Iterator[tuple[str, float]]:
    for entry in middleware:
        if isinstance(entry, Mapping) and isinstance(entry.get("index"), (int, float)):
            yield str(entry.get("class")), entry["index"]
