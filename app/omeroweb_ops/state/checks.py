"""Find properties that are valid by themselves but wrong together. Pure: no I/O.

`schema` checks each property's type. This module finds frequent errors of OMERO.web's
administrators, and says what to set instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..cache_serializers import SESSIONS
from ..login_page import path_prefix
from ..property_names import (
    APPS,
    CACHES,
    CORS_ORIGIN_ALLOW_ALL,
    CORS_ORIGIN_WHITELIST,
    CSRF_TRUSTED_ORIGINS,
    DEBUG,
    HOST,
    MIDDLEWARE,
    NGINX_SERVER_EXTRA_CONFIG,
    PREFIX,
    PUBLIC_ENABLED,
    PUBLIC_GET_ONLY,
    PUBLIC_URL_FILTER,
    PUBLIC_USER,
    SERVER_LIST,
    SESSION_COOKIE_AGE,
    SESSION_COOKIE_SAMESITE,
    SESSION_ENGINE,
    STATIC_URL,
    WSGI_ARGS,
    WSGI_TIMEOUT,
)
from ..shared.addresses import canonical, is_ipv6, parse
from ..shared.finding import Finding
from . import cors, gunicorn_options, public_views
from .cors import COOKIES
from .derived import CACHE_ENGINE
from .list_merge import identity
from .schema import Schema

_LONGEST = 100 * 365 * 86400  # seconds; Django's dates end before the year 10000
# Backends that store nothing, or nothing that another worker can read.
_NO_CACHES = ("dummy.DummyCache", "locmem.LocMemCache")
_MOST_VIEWS = 4  # named in a message


def find(effective: Callable[[str], Any], *, loopback: bool = False) -> Iterator[Finding]:
    """Yield every finding. effective: returns a property's value as Python data, or its default.

    loopback: only users of the machine itself can reach the site.
    """
    yield from _duplicates(effective)
    yield from _addresses(effective)
    yield from _cors(effective)
    yield from _cors_without_app(effective)
    yield from _sessions(effective)
    yield from _session_age(effective)
    yield from _prefix(effective)
    yield from _public(effective)
    yield from _nginx(effective)
    if effective(DEBUG) and not loopback:
        yield Finding(
            DEBUG,
            "debug mode shows settings and file paths to every visitor; set False",
            severity="warning",
        )


def deprecated(names: Iterable[str], schema: Schema) -> Iterator[Finding]:
    """Yield a warning for each deprecated property, with its replacement."""
    for name in names:
        prop = schema.get(name)
        if prop and prop.deprecated:
            yield Finding(name, f"is deprecated. {prop.description}", severity="warning")


def _duplicates(effective: Callable[[str], Any]) -> Iterator[Finding]:
    for name in (APPS, MIDDLEWARE):
        items = [identity(item) for item in effective(name) or ()]
        for item in sorted({item for item in items if items.count(item) > 1}):
            yield Finding(name, f"has {item} {items.count(item)} times; list it once")


def _addresses(effective: Callable[[str], Any]) -> Iterator[Finding]:
    host = str(effective(HOST) or "")
    if not (parse(host) or re.fullmatch(r"[A-Za-z0-9._-]*", host)):
        yield Finding(HOST, f"must be an IP address or a host name, not {host!r}. Example: ::1")
    servers = effective(SERVER_LIST)
    for server in servers if isinstance(servers, (list, tuple)) else ():
        name = str(server[0]) if isinstance(server, (list, tuple)) and server else ""
        if is_ipv6(name):
            quoted = json.dumps(f'"{canonical(name)}"')
            yield Finding(
                SERVER_LIST,
                f"{name}: OMERO.py takes an IPv6 address in double quotes only; write {quoted}, or "
                "a host name",
            )


def _cors(effective: Callable[[str], Any]) -> Iterator[Finding]:
    origins = [
        origin for origin in effective(CORS_ORIGIN_WHITELIST) or () if isinstance(origin, str)
    ]
    for origin in origins:
        if "://" not in origin:
            yield Finding(
                CORS_ORIGIN_WHITELIST,
                f'{origin!r} has no scheme; set "https://{origin}", also in '
                f"{CSRF_TRUSTED_ORIGINS} (upstream's recipe omits the scheme)",
            )
        elif not _trusted(origin, effective(CSRF_TRUSTED_ORIGINS) or ()):
            yield Finding(
                CSRF_TRUSTED_ORIGINS,
                f"does not have {origin}, so its POST requests get 403; add it",
                severity="warning",
            )
    if (
        effective(CORS_ORIGIN_ALLOW_ALL)
        and str(effective(SESSION_COOKIE_SAMESITE)).lower() == "none"
    ):
        yield Finding(
            CORS_ORIGIN_ALLOW_ALL,
            "with credentials (always on in OMERO.web) and a session cookie of SameSite=None "
            f"any site may act as your users; list the origins in {CORS_ORIGIN_WHITELIST} instead",
        )
    for name, secure in COOKIES.items():
        if str(effective(name)).lower() == "none" and not effective(secure):
            yield Finding(
                name, f"None needs {secure}: browsers drop the cookie without it; set it to True"
            )


def _cors_without_app(effective: Callable[[str], Any]) -> Iterator[Finding]:
    """Yield a warning if other origins are named, and nothing sends their headers."""
    named = [name for name in (CORS_ORIGIN_WHITELIST, CORS_ORIGIN_ALLOW_ALL) if effective(name)]
    middleware = [identity(item) for item in effective(MIDDLEWARE) or ()]
    missing = [
        text
        for text, is_there in (
            (f"corsheaders in {APPS}", cors.APP in (effective(APPS) or ())),
            (f"{cors.FIRST} in {MIDDLEWARE}", cors.FIRST in middleware),
        )
        if not is_there
    ]
    if named and missing:
        yield Finding(
            named[0],
            f"has no effect without {' and '.join(missing)}, so browsers refuse the answers; set "
            "web_cors_origins instead, which sets all of them. Example: web_cors_origins = "
            '["https://viewer.example.org"]',
            severity="warning",
        )


def _trusted(origin: str, trusted: Any) -> bool:
    """Return whether Django trusts an origin: it is listed, or below https://*.example.org."""
    scheme, _, host = origin.partition("://")
    for each in trusted:
        known_scheme, _, known = str(each).partition("://")
        if known_scheme == scheme and (
            known == host or (known.startswith("*") and host.endswith(known[1:]))
        ):
            return True
    return False


def _sessions(effective: Callable[[str], Any]) -> Iterator[Finding]:
    if effective(SESSION_ENGINE) != CACHE_ENGINE:
        return
    caches = effective(CACHES)
    stores = [
        str(cache.get("BACKEND", ""))
        for cache in (caches.values() if isinstance(caches, Mapping) else ())
        if isinstance(cache, Mapping)
    ]
    if not stores or all(store.endswith(_NO_CACHES) for store in stores):
        yield Finding(
            SESSION_ENGINE,
            f"keeps sessions in a cache, but {CACHES} has no lasting cache: logins would be lost; "
            f'remove both and set web_sessions = "redis", or set a Redis cache in {CACHES}',
        )
    yield from _pickles(caches)


def _pickles(caches: Any) -> Iterator[Finding]:
    """Yield a warning for each cache in which anybody who reaches its port can store code."""
    for alias, cache in caches.items() if isinstance(caches, Mapping) else ():
        if not isinstance(cache, Mapping) or not str(cache.get("BACKEND", "")).endswith(
            "RedisCache"
        ):
            continue
        options = cache.get("OPTIONS")
        options = options if isinstance(options, Mapping) else {}
        locations = cache.get("LOCATION")
        listed = locations if isinstance(locations, (list, tuple)) else [locations]
        serializer = str(options.get("SERIALIZER", "pickle")).lower()
        if options.get("PASSWORD") or "signed" in serializer or "pickle" not in serializer:
            continue
        if any(re.match(r"rediss?://[^@/]*(/|$)", str(each)) for each in listed):
            yield Finding(
                CACHES,
                f"{alias!r} keeps pickles in a Redis without a password: anyone who reaches its "
                "port can run code in OMERO.web; remove the property, set a password, or "
                f'"SERIALIZER": "{SESSIONS}" for a cache of sessions',
                severity="warning",
            )


def _session_age(effective: Callable[[str], Any]) -> Iterator[Finding]:
    age = effective(SESSION_COOKIE_AGE)
    if isinstance(age, int) and not 1 <= age <= _LONGEST:
        yield Finding(
            SESSION_COOKIE_AGE,
            f"must be 1 to {_LONGEST} seconds (100 years), not {age}: nobody could log in. "
            "Example: 86400 (a day)",
        )


def _prefix(effective: Callable[[str], Any]) -> Iterator[Finding]:
    prefix = path_prefix(effective(PREFIX))
    url = str(effective(STATIC_URL) or "")
    if prefix and url.startswith("/") and not url.startswith(prefix + "/"):
        yield Finding(
            STATIC_URL,
            f"{url} is not below the prefix {prefix}, which a proxy in front may not pass on; "
            f"remove it, or set {prefix}/static/",
            severity="warning",
        )


def _public(effective: Callable[[str], Any]) -> Iterator[Finding]:
    if not effective(PUBLIC_ENABLED):
        return
    if not effective(PUBLIC_USER):
        yield Finding(PUBLIC_USER, "must be set to the name of the public user")
    try:
        allowed = re.compile(str(effective(PUBLIC_URL_FILTER)))
    except re.error:
        return  # the property's type reports this
    prefix = path_prefix(effective(PREFIX))
    views = public_views.opened_by(allowed, prefix, get_only=bool(effective(PUBLIC_GET_ONLY)))
    if not views.opened:
        recipe = public_views.RECIPES["webgateway"].removeprefix("^")
        yield Finding(
            PUBLIC_URL_FILTER,
            "opens none of OMERO.web's views to visitors; docs/public-site.md has filters. "
            f"Example, for images: ^{prefix}{recipe}",
            severity="warning",
        )
    if views.admin:
        yield Finding(
            PUBLIC_URL_FILTER,
            f"opens pages of the administration to visitors: {_named(views.admin)}; leave them "
            "out, as the filters in docs/public-site.md do",
        )
    if views.changing:
        more = "" if effective(PUBLIC_GET_ONLY) else f", or set {PUBLIC_GET_ONLY} to True"
        yield Finding(
            PUBLIC_URL_FILTER,
            f"opens views that change data to visitors: {_named(views.changing)}; leave them "
            f"out, as the filters in docs/public-site.md do{more}",
        )


def _named(views: Sequence[public_views.View]) -> str:
    more = len(views) - _MOST_VIEWS
    return ", ".join(map(str, views[:_MOST_VIEWS])) + (f" and {more} more" if more > 0 else "")


def _nginx(effective: Callable[[str], Any]) -> Iterator[Finding]:
    timeout = int(effective(WSGI_TIMEOUT) or 0)
    for line in effective(NGINX_SERVER_EXTRA_CONFIG) or ():
        found = re.search(r"proxy_read_timeout\s+(\d+)s?\s*;", str(line))
        if found and int(found[1]) < timeout:
            yield Finding(
                NGINX_SERVER_EXTRA_CONFIG,
                f"proxy_read_timeout {found[1]} ends requests before {WSGI_TIMEOUT} = {timeout}; "
                "remove it (the bundle sets it)",
                severity="warning",
            )
    arguments = str(effective(WSGI_ARGS) or "")
    own = re.search(r"(?:^|\s)(?:--timeout|-t)[ =](\d+)", arguments)
    if own and (int(own[1]) > timeout > 0 or int(own[1]) == 0):
        yield Finding(
            WSGI_ARGS,
            f"{own[0].strip()} is longer than NGINX's timeout from {WSGI_TIMEOUT} = {timeout}; "
            f"set {WSGI_TIMEOUT} = {own[1]} instead",
            severity="warning",
        )
    graceful = re.search(r"(?:^|\s)--graceful-timeout[ =](\d+)", arguments)
    if graceful:
        yield Finding(
            WSGI_ARGS,
            "the service's timeout is web_graceful_timeout, not --graceful-timeout; "
            f"set web_graceful_timeout = {graceful[1]} in the inventory instead",
            severity="warning",
        )
    yield from gunicorn_options.findings(arguments)
