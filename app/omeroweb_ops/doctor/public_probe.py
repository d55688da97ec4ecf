"""Probe a site once: at most eighteen requests to the public URL, two to OMERO.web's own port."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

from ..login_page import LOGIN, works
from ..shared import certificate
from ..shared.addresses import url_host
from ..shared.certificate import Certificate
from ..shared.expectations import Expectations
from ..state.engine import Engine
from . import anonymous_probe, local_probe, login_form
from .anonymous_probe import AnonymousVisit
from .http import Answer, Client

STRANGER = "https://stranger.invalid"  # never a real site (RFC 2606)
_MOST_ORIGINS = 4


@dataclass(frozen=True)
class PublicState:
    """The results of the public probe. None: not probed, because an earlier probe failed.

    unknown: why the name has no address. first: the answer of the public URL after redirects.
    login: the login page. static: a static file of the login page. attempt: the answer to the login
    form. direct: the answer to the form on OMERO.web's own port, if it failed through NGINX. api:
    the API's answer to a stranger's origin. origins: the API's answer to each expected origin.
    plain: the answer over http, if visitors use https. root: the domain's root, if OMERO.web has a
    prefix. skew: seconds by which the site's clock is ahead. anonymous: the answers to a visitor
    without a login, if the site is public.
    """

    expected: Expectations
    local: local_probe.LocalState
    connect: str | None = None
    unknown: str = ""
    certificate: Certificate | None = None
    first: Answer | None = None
    login: Answer | None = None
    static: Answer | None = None
    attempt: Answer | None = None
    direct: Answer | None = None
    api: Answer | None = None
    origins: Mapping[str, Answer] = field(default_factory=dict)
    plain: Answer | None = None
    root: Answer | None = None
    skew: float | None = None
    anonymous: AnonymousVisit | None = None

    @property
    def has_own_login(self) -> bool:
        """Whether the login page is not OMERO.web's own form, and works: single sign-on."""
        login = self.login
        if login is None or not works(login.status, self.local.login):
            return False
        elsewhere = login.status in range(300, 400)
        return not self.page.is_login and (elsewhere or self.local.login != LOGIN)

    @property
    def page(self) -> login_form.Page:
        return login_form.read(self.login.text if self.login else "")


def probe_public(expected: Expectations, engine: Engine, connect: str | None) -> PublicState:
    """Probe the site from this host. connect: the address to connect to instead of the name's."""
    proxied = local_probe.as_proxied(expected.netloc, expected.scheme)
    seen = PublicState(expected, local_probe.probe_local(engine, proxied), connect)
    try:
        socket.getaddrinfo(connect or expected.host, expected.port)
    except OSError as error:
        return replace(seen, unknown=error.strerror or str(error))
    if expected.secure:
        address = connect or expected.host
        found = certificate.examine(address, expected.port, expected.host)
        seen = replace(seen, certificate=found)
    client = Client(expected.host, connect)
    first = client.ask("GET", expected.public, follow=True)
    seen = replace(seen, first=first, skew=_skew(first))
    return _inside(seen, client) if first.status else seen


def _inside(seen: PublicState, client: Client) -> PublicState:
    expected = seen.expected
    login = client.ask("GET", expected.public + seen.local.login.lstrip("/"), follow=True)
    plain = root = None
    if expected.secure:
        port = "" if expected.http_port == 80 else f":{expected.http_port}"
        plain = client.ask("GET", f"http://{url_host(expected.host)}{port}{expected.prefix}/")
    if expected.prefix:
        root = client.ask("GET", f"{expected.origin}/")
    seen = replace(seen, login=login, plain=plain, root=root)
    if seen.page.is_login:
        seen = _form(seen, client)
    elif not seen.has_own_login:
        return seen

    def api(origin: str) -> Answer:
        return client.ask("GET", f"{expected.public}api/", headers={"Origin": origin})

    origins = {origin: api(origin) for origin in expected.cors_origins[:_MOST_ORIGINS]}
    anonymous = anonymous_probe.visit(expected, seen.local.properties, seen.connect)
    return replace(
        seen,
        static=_static(seen, client),
        api=api(STRANGER),
        origins=origins,
        anonymous=anonymous,
    )


def _static(seen: PublicState, client: Client) -> Answer | None:
    files = [name for name in seen.page.files if ".css" in name]
    if seen.login is None or not files:
        return None
    return client.ask("GET", urljoin(seen.login.url, files[0]))


def _form(seen: PublicState, client: Client) -> PublicState:
    """Send the login form as a browser does, with an unknown user."""
    url, form = f"{seen.expected.public}webclient/login/", seen.page
    data = {
        "username": "doctor",
        "password": secrets.token_urlsafe(),
        "server": form.server or "1",
        "csrfmiddlewaretoken": form.token,
    }
    headers = {"Origin": seen.expected.origin, "Referer": url}
    attempt = client.ask("POST", url, data=data, headers=headers)
    if attempt.status != 403:
        return replace(seen, attempt=attempt)
    token = next((c.value for c in client.session.cookies if c.name == "csrftoken"), "")
    headers |= local_probe.as_proxied(seen.expected.netloc, seen.expected.scheme)
    headers["Cookie"] = f"csrftoken={token}"
    direct = Client().ask("POST", f"{seen.local.base}/webclient/login/", data=data, headers=headers)
    return replace(seen, attempt=attempt, direct=direct)


def _skew(answer: Answer) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
    except (KeyError, ValueError):
        return None
