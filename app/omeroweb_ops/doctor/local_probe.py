"""Probe what only the web host can reach: its configuration, its own port, servers and stores."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .. import login_page
from ..locations import RENEWAL_FAILURE
from ..login_page import LOGIN, address
from ..property_names import (
    ALLOWED_HOSTS,
    CACHES,
    CSRF_COOKIE_SECURE,
    CSRF_TRUSTED_ORIGINS,
    DEBUG,
    HOST,
    PORT,
    PREFIX,
    PUBLIC_ENABLED,
    PUBLIC_GET_ONLY,
    PUBLIC_URL_FILTER,
    SECURE_PROXY_SSL_HEADER,
    SERVER_LIST,
    SESSION_COOKIE_NAME,
    SESSION_COOKIE_SECURE,
    SESSION_ENGINE,
)
from ..releases import installed
from ..shared import omero_server, redis_client, renewal
from ..shared.redis_memory import Memory
from ..shared.renewal import RenewalFailure
from ..state import derived
from ..state.engine import Engine
from .http import Answer, Client

_PROPERTIES = (
    SERVER_LIST,
    SECURE_PROXY_SSL_HEADER,
    SESSION_COOKIE_SECURE,
    CSRF_COOKIE_SECURE,
    SESSION_COOKIE_NAME,
    ALLOWED_HOSTS,
    DEBUG,
    HOST,
    PORT,
    PREFIX,
    SESSION_ENGINE,
    CACHES,
    CSRF_TRUSTED_ORIGINS,
    PUBLIC_ENABLED,
    PUBLIC_GET_ONLY,
    PUBLIC_URL_FILTER,
)
_START = "systemctl or supervisorctl start redis-server"
_CONNECT_TIMEOUT = 5.0  # seconds for an OMERO.server or Redis to accept a connection


@dataclass(frozen=True)
class LocalState:
    """The results of the local probe.

    properties: effective values as Python data. own: OMERO.web's answer on its own port. servers:
    "host:port" of each OMERO.server to the reason why it is unreachable, or "". sessions: the
    session store's problem and the setting, or None. memory: the session store's. release: the
    active release's problem, or "". login: the login page's path without the prefix.
    renewal: why the certificate has not been renewed.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    own: Answer = field(default_factory=lambda: Answer(""))
    servers: Mapping[str, str] = field(default_factory=dict)
    sessions: tuple[str, str] | None = None
    memory: Memory = field(default_factory=Memory)
    release: str = ""
    login: str = LOGIN
    renewal: RenewalFailure | None = None

    @property
    def base(self) -> str:
        """OMERO.web's own URL with its prefix."""
        return address(self.properties.get).url


def probe_local(engine: Engine, proxied: Mapping[str, str]) -> LocalState:
    """Probe everything once. proxied: the headers of `as_proxied` for the public URL."""
    properties = {name: engine.value(name) for name in _PROPERTIES}
    login = login_page.path(engine.locations)
    own = Client().ask("GET", f"{address(properties.get).url}{login}", headers=proxied)
    sessions = _sessions(engine, properties)
    memory = Memory() if sessions else _memory(properties)
    servers = omero_server.problems(properties[SERVER_LIST] or (), _CONNECT_TIMEOUT)
    return LocalState(properties, own, servers, sessions, memory, _release(), login, _renewal())


def as_proxied(host: str, scheme: str) -> dict[str, str]:
    """Return the headers that NGINX adds to a visitor's request."""
    return {"Host": host, "X-Forwarded-Proto": scheme}


def _release() -> str:
    try:
        return installed.serving().other_python(installed.host_python()) or ""
    except OSError:  # an existing installation of OMERO.web
        return ""


def _renewal() -> RenewalFailure | None:
    with suppress(OSError, ValueError):  # `omeroweb-ops status` reports an unreadable file
        return renewal.failure(RENEWAL_FAILURE)
    return None


def _sessions(engine: Engine, properties: Mapping[str, Any]) -> tuple[str, str] | None:
    if properties[SESSION_ENGINE] == derived.FILE_ENGINE:
        folder = engine.locations.sessions
        if folder.exists() and not os.access(folder, os.W_OK):
            return f"{folder} cannot be written", "web_sessions"
        return None
    for location, options in _redises(properties):
        problem = _problem(location, options)
        if problem:
            return problem
    return None


def _memory(properties: Mapping[str, Any]) -> Memory:
    """Return the memory of the first Redis; the bundle uses only one."""
    import redis

    for location, options in _redises(properties):
        try:
            with redis_client.connect(location, options, _CONNECT_TIMEOUT) as store:
                info = store.info("memory")
        except redis.RedisError:  # a Redis run by others may refuse INFO
            break
        return Memory(int(info.get("used_memory", 0)), int(info.get("maxmemory", 0)))
    return Memory()


def _redises(properties: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the location and options of each Redis cache; other caches are not probed."""
    caches = properties[CACHES]
    if properties[SESSION_ENGINE] == derived.CACHE_ENGINE and isinstance(caches, dict):
        for cache in caches.values():
            location = str(cache.get("LOCATION"))
            if location.startswith(("redis://", "rediss://", "unix://")):
                yield location, cache.get("OPTIONS") or {}


def _problem(location: str, options: Mapping[str, Any]) -> tuple[str, str] | None:
    import redis

    scheme, _, place = location.partition("://")
    place = place.rsplit("@", 1)[-1].partition("?")[0]  # the URL may have a password
    try:
        with redis_client.connect(location, options, _CONNECT_TIMEOUT) as store:
            store.ping()
    except redis.AuthenticationError:
        return f"Redis at {place} refuses the password", "redis_password"
    except redis.RedisError as error:
        cause = error.__cause__ or error.__context__
        reason = getattr(cause, "strerror", None) or type(error).__name__
        remedy = _START if scheme == "unix" else "redis_bind, redis_port"
        return f"Redis at {place} does not answer: {reason}", remedy
    return None
