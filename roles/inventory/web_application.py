"""Read the properties of one OMERO.web that the rest of the bundle needs."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from omeroweb_ops import login_page
from omeroweb_ops.property_names import (
    ALLOWED_HOSTS,
    CORS_ORIGIN_WHITELIST,
    HOST,
    LOGIN_VIEW,
    NGINX_SERVER_EXTRA_CONFIG,
    PREFIX,
    PUBLIC_ENABLED,
    SESSION_COOKIE_NAME,
    SESSION_COOKIE_SAMESITE,
    STATIC_ROOT,
    STATIC_URL,
    WSGI_TIMEOUT,
)
from omeroweb_ops.shared.addresses import canonical

DJANGO_SESSION_COOKIE = "sessionid"  # SESSION_COOKIE_NAME of django.conf.global_settings
OMERO_WEB_LOGIN = "weblogin"  # of omeroweb/webclient/urls.py
NO_TIMEOUT = 86400  # seconds, for gunicorn's 0


@dataclass(frozen=True)
class WebApplication:
    """Values of one OMERO.web, from its properties as set or by default.

    prefix: "" or like "/omero". static_url: a path or a URL. static_root: the directory of the
    static files. listens_on: the IP address or name that OMERO.web binds. address: OMERO.web's
    address on its own host. timeout: seconds that a request may take. samesite: in lower case.
    extra_config: lines for NGINX's server block. has_own_login: whether omero.web.login_view is
    another view than OMERO.web's own.
    """

    prefix: str
    static_url: str
    static_root: str
    listens_on: str
    address: login_page.Address
    timeout: int
    session_cookie: str
    samesite: str
    is_public: bool
    cors_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    extra_config: tuple[str, ...]
    has_own_login: bool

    @classmethod
    def of(cls, value: Callable[[str], Any]) -> WebApplication:
        """Read the values.

        value: returns a property as Python data. The properties are valid ones.
        """
        extra = value(NGINX_SERVER_EXTRA_CONFIG)
        return cls(
            prefix=login_page.path_prefix(value(PREFIX)),
            static_url=str(value(STATIC_URL)),
            static_root=posixpath.normpath(str(value(STATIC_ROOT))),  # as omeroweb.settings does
            listens_on=canonical(str(value(HOST))),
            address=login_page.address(value),
            timeout=int(value(WSGI_TIMEOUT)) or NO_TIMEOUT,
            session_cookie=str(value(SESSION_COOKIE_NAME) or DJANGO_SESSION_COOKIE),
            samesite=str(value(SESSION_COOKIE_SAMESITE)).lower(),
            is_public=bool(value(PUBLIC_ENABLED)),
            cors_origins=tuple(map(str, value(CORS_ORIGIN_WHITELIST) or ())),
            allowed_hosts=tuple(map(str, value(ALLOWED_HOSTS) or ())),
            extra_config=tuple(map(str, extra)) if isinstance(extra, (list, tuple)) else (),
            has_own_login=str(value(LOGIN_VIEW)) != OMERO_WEB_LOGIN,
        )

    @property
    def port(self) -> int:
        """Return the TCP port of OMERO.web."""
        return self.address.port

    @property
    def nginx_serves_static(self) -> bool:
        """Return whether static_url is a path; a URL of another server is not for NGINX."""
        return self.static_url.startswith("/")
