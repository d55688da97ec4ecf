"""Derive properties from the deployment of an OMERO.web, for a host and for an image.

An explicit property replaces a derived property. Pure: no I/O.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import cache_serializers
from ..locations import Locations
from ..login_page import path_prefix
from ..property_names import (
    ADDITIONAL_SETTINGS,
    ALLOWED_HOSTS,
    APPS,
    CACHES,
    CORS_ORIGIN_WHITELIST,
    CSRF_COOKIE_SECURE,
    CSRF_TRUSTED_ORIGINS,
    HOST,
    MIDDLEWARE,
    PORT,
    PREFIX,
    PUBLIC_CACHE_ENABLED,
    PUBLIC_ENABLED,
    SECURE_PROXY_SSL_HEADER,
    SESSION_COOKIE_PATH,
    SESSION_COOKIE_SECURE,
    SESSION_ENGINE,
    STATIC_ROOT,
    STATIC_URL,
    STATICFILE_DIRS,
    TEMPLATE_DIRS,
)
from . import cors, plugin_catalogue
from .branding import Branding
from .desired import Desired
from .list_merge import identity
from .plugin_catalogue import Plugin
from .schema import base_url

CACHE_ENGINE = "django.contrib.sessions.backends.cache"
FILE_ENGINE = "django.contrib.sessions.backends.file"
# NGINX's configuration uses the inventory's values of these: a manual change is an error.
NGINX_DEPENDS_ON = (
    HOST,
    PORT,
    PREFIX,
    STATIC_URL,
    SESSION_ENGINE,
    CACHES,
)
_JSON = (
    ADDITIONAL_SETTINGS,
    CACHES,
    MIDDLEWARE,
    APPS,
    CORS_ORIGIN_WHITELIST,
    CSRF_TRUSTED_ORIGINS,
    STATICFILE_DIRS,
    TEMPLATE_DIRS,
)
REDIS_TIMEOUT = 5  # seconds
_KEY_VERSION = 2
WHITENOISE = {"index": 0, "class": "whitenoise.middleware.WhiteNoiseMiddleware"}
# After Django's sessions (3) and before what OMERO.web has after them.
PUBLIC_SESSIONS = {
    "index": 3.5,
    "class": "omeroweb_ops.ops.public_sessions.PublicSessionMiddleware",
}


@dataclass(frozen=True)
class DeploymentContext:
    """The facts about a deployment from which properties follow.

    redis: the session store's URL without a database; None: sessions are files. redis_user,
    redis_password: the login for Redis. front_elsewhere: NGINX is on another host. ipv6: NGINX may
    reach OMERO.web by IPv6. serves_static: OMERO.web itself must serve the static files, because
    the site has no NGINX. tls: visitors use https. cors_origins: origins whose pages may call.
    cors_login: calls from other sites may send cookies. branding: the site's own logos and
    templates. origins: the origins of the site's own pages, with TLS. allowed_hosts: the names that
    visitors use, () for any. plugins: the installed plugins. whitenoise_root: a directory of files
    that OMERO.web serves beside the release's static files.
    """

    redis: str | None = None
    redis_user: str | None = None
    redis_password: str | None = None
    front_elsewhere: bool = False
    ipv6: bool = False
    serves_static: bool = False
    tls: bool = False
    cors_origins: tuple[str, ...] = ()
    cors_login: bool = False
    branding: Branding | None = None
    origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    whitenoise_root: str | None = None


def with_derived(explicit: Desired, around: DeploymentContext, locations: Locations) -> Desired:
    """Return the desired state with the derived properties."""
    wanted = {name: _data(name, value) for name, value in explicit.set.items()}
    if wanted.get(PREFIX):
        wanted[PREFIX] = "/" + str(wanted[PREFIX]).strip("/")
    derived: dict[str, Any] = {
        STATIC_ROOT: str(locations.static),
        **_front(wanted, around),
    }
    if around.allowed_hosts and ALLOWED_HOSTS not in {*explicit.append, *explicit.remove}:
        derived[ALLOWED_HOSTS] = list(around.allowed_hosts)
    sessions, additional = _sessions(wanted, around, locations)
    derived.update(sessions)
    if _is_public(wanted):
        derived[PUBLIC_CACHE_ENABLED] = True  # else each image is a login at OMERO.server
    if around.cors_login:
        derived.update(cors.cookies())
    if around.branding:
        static_url = str(wanted.get(STATIC_URL) or derived.get(STATIC_URL) or "/static/")
        derived.update(around.branding.properties(base_url(static_url)))
    derived.update(plugin_catalogue.settings(around.plugins))
    combined: dict[str, Any] = {**derived, **wanted}
    pairs = pairs_of(wanted.get(ADDITIONAL_SETTINGS))
    appended: dict[str, Sequence[Any]] = {
        **explicit.append,
        **plugin_catalogue.added(around.plugins, explicit),
    }
    if path_prefix(wanted.get(PREFIX)):  # OMERO.web has no property for it
        additional = {**additional, "CSRF_COOKIE_PATH": path_prefix(wanted.get(PREFIX))}
    if around.whitenoise_root:
        additional = {**additional, "WHITENOISE_ROOT": around.whitenoise_root}
    own = [*map(list, additional.items())]
    if ADDITIONAL_SETTINGS in {*explicit.append, *explicit.remove}:
        appended[ADDITIONAL_SETTINGS] = [*own, *appended.get(ADDITIONAL_SETTINGS, ())]
    elif own and pairs is not None:
        combined[ADDITIONAL_SETTINGS] = [*own, *pairs]
    for name, items in _additions(wanted, around):
        if name not in wanted:
            appended[name] = [*items, *appended.get(name, ())]
        elif isinstance(wanted[name], (list, tuple)):
            known = {identity(item) for item in wanted[name]}
            new = [item for item in items if identity(item) not in known]
            combined[name] = [*combined[name], *new]
    removed = plugin_catalogue.removed(around.plugins, explicit)
    return Desired(combined, appended, removed, explicit.exclusive, explicit.secret)


def _additions(
    wanted: Mapping[str, Any], around: DeploymentContext
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the items to add to each list, also to a list that the site sets."""
    lists: dict[str, list[Any]] = {
        MIDDLEWARE: [
            *([WHITENOISE] if around.serves_static else []),
            *([PUBLIC_SESSIONS] if _is_public(wanted) else []),
        ],
        CSRF_TRUSTED_ORIGINS: [
            *(() if CSRF_TRUSTED_ORIGINS in wanted else around.origins),
            *around.cors_origins,
        ],
        APPS: [plugin.app for plugin in around.plugins],
    }
    for name, items in [
        *cors.additions(around.cors_origins, wanted.get(MIDDLEWARE)).items(),
        *(around.branding.additions().items() if around.branding else ()),
    ]:
        lists.setdefault(name, []).extend(items)
    yield from ((name, items) for name, items in lists.items() if items)


def _front(wanted: Mapping[str, Any], around: DeploymentContext) -> dict[str, Any]:
    derived: dict[str, Any] = {}
    if around.front_elsewhere:
        derived[HOST] = "::" if around.ipv6 else "0.0.0.0"  # :: is every IPv4 address, too
    if around.tls:
        derived[SESSION_COOKIE_SECURE] = True
        derived[CSRF_COOKIE_SECURE] = True
        derived[SECURE_PROXY_SSL_HEADER] = ["HTTP_X_FORWARDED_PROTO", "https"]
    path = path_prefix(wanted.get(PREFIX))
    if path:
        derived[STATIC_URL] = f"{path}/static/"
        derived[SESSION_COOKIE_PATH] = path
    return derived


def _is_public(wanted: Mapping[str, Any]) -> bool:
    return str(wanted.get(PUBLIC_ENABLED)).lower() == "true"


def _sessions(
    wanted: Mapping[str, Any], around: DeploymentContext, locations: Locations
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the session store's properties, and its Django settings that have no property."""
    if around.redis:
        caches = _caches(around.redis, around.redis_user, around.redis_password)
        derived = {SESSION_ENGINE: CACHE_ENGINE, CACHES: caches}
        named = _names(wanted.get(CACHES, caches))
        if wanted.get(SESSION_ENGINE, CACHE_ENGINE) == CACHE_ENGINE and "sessions" in named:
            return derived, {"SESSION_CACHE_ALIAS": "sessions"}
        return derived, {}
    if wanted.get(SESSION_ENGINE, FILE_ENGINE) == FILE_ENGINE:
        return {SESSION_ENGINE: FILE_ENGINE}, {"SESSION_FILE_PATH": str(locations.sessions)}
    return {}, {}


def _caches(server: str, user: str | None, password: str | None) -> dict[str, Any]:
    """Return the caches, with sessions in a database of their own, which no cache clear empties.

    VERSION is part of each key. Keys of version 1 are pickles of older releases, which must never
    be read. An older release, which runs beside a newer one during a reload, cannot read JSON.
    """
    known: dict[str, Any] = {"PASSWORD": password} if password else {}
    if user:  # django-redis before 7, which OMERO.web before 5.31 needs, ignores USERNAME
        known = {"USERNAME": user, "CONNECTION_POOL_KWARGS": {"username": user}, **known}
    database = "?db=" if server.startswith("unix:") else "/"
    return {
        alias: {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"{server}{database}{number}",
            "VERSION": _KEY_VERSION,
            "OPTIONS": {
                "CLIENT_CLASS": "django_redis.client.DefaultClient",
                "SERIALIZER": serializer,
                # a Redis that hangs must not hang the workers
                "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT,
                "SOCKET_TIMEOUT": REDIS_TIMEOUT,
                **known,
            },
        }
        for alias, number, serializer in (
            ("default", 0, cache_serializers.CACHE),
            ("sessions", 1, cache_serializers.SESSIONS),
        )
    }


def pairs_of(value: Any) -> list[Any] | None:
    """Return the pairs of omero.web.django_additional_settings; None if it has other items."""
    value = _data(ADDITIONAL_SETTINGS, value)
    if not isinstance(value, (list, tuple, type(None))):
        return None
    items = _list(value)
    pairs = all(isinstance(item, (list, tuple)) and len(item) == 2 for item in items)
    return items if pairs else None


def _data(name: str, value: Any) -> Any:
    """Return JSON text, as from `omero config set` or a container's variables, as data."""
    if isinstance(value, str) and name in _JSON:
        try:
            return json.loads(value)
        except ValueError:
            pass  # reported with the other errors
    return value


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _names(value: Any) -> Iterable[str]:
    return value.keys() if isinstance(value, Mapping) else ()
