"""Send requests as a browser does, each limited in time and size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

REQUEST_TIMEOUT = 10.0  # seconds for each request
_MAX_REDIRECTS = 4
_MAX_PAGE_SIZE = 1_000_000  # bytes of a page that are read
_LATE = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)


@dataclass(frozen=True)
class Cookie:
    """One Set-Cookie header. same_site is lower-case."""

    name: str
    path: str = "/"
    secure: bool = False
    http_only: bool = False
    same_site: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer to a request.

    status: 0 without an answer; `problem` has the reason. late: the request has timed out. headers:
    by lower-case name.
    """

    url: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    cookies: tuple[Cookie, ...] = ()
    problem: str = ""
    late: bool = False

    def __str__(self) -> str:
        return f"{self.url} " + (f"answers {self.status}" if self.status else self.problem)


class Client:
    """A visitor with their cookies. Certificates are not verified here, but by `certificate`.

    connect: the address to connect to for requests to `name`, as curl's --connect-to.
    """

    def __init__(self, name: str = "", connect: str | None = None) -> None:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.name, self.session = name, requests.Session()
        self.session.trust_env = False  # the host's proxies are not the visitor's
        self.session.verify = False
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, _To(name, connect))

    def ask(self, method: str, url: str, *, follow: bool = False, **sent: Any) -> Answer:
        """Send a request. With follow, send up to four more for redirects within the site."""
        try:
            response = self._request(method, url, **sent)
            hops, own = 0, self.name or urlsplit(url).hostname
            while follow and response.next and urlsplit(response.next.url).hostname == own:
                response.close()
                if hops == _MAX_REDIRECTS:
                    return Answer(url, problem="redirects in a loop")
                hops += 1
                response = self._request("GET", str(response.next.url))
            with response:
                text = _text(response)
        # requests' own errors are OSErrors; urllib3's come in the middle of an answer
        except (OSError, urllib3.exceptions.HTTPError) as error:
            return Answer(url, problem=_reason(error), late=isinstance(error, _LATE))
        return Answer(
            url=str(response.url),
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            text=text,
            cookies=tuple(_cookies(response)),
        )

    def _request(self, method: str, url: str, **sent: Any) -> requests.Response:
        return self.session.request(
            method, url, allow_redirects=False, timeout=REQUEST_TIMEOUT, stream=True, **sent
        )


class _To(HTTPAdapter):
    """Connects to another address than the name's; Host header and TLS keep the name."""

    def __init__(self, name: str, connect: str | None) -> None:
        self.name, self.connect = name, connect
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host: dict[str, Any]
        pool: dict[str, Any]
        host, pool = map(dict, super().build_connection_pool_key_attributes(request, verify, cert))
        if self.connect and host["host"] == self.name:
            host["host"] = self.connect
            if host["scheme"] == "https":
                pool["server_hostname"] = self.name
        return host, pool

    def send(self, request: requests.PreparedRequest, *arguments: Any, **more: Any) -> Any:
        parts = urlsplit(request.url or "")
        if self.connect and parts.hostname == self.name:
            request.headers["Host"] = str(parts.netloc)
        return super().send(request, *arguments, **more)


def _text(response: requests.Response) -> str:
    """Return the body. Raises TimeoutError also if a server sends it too slowly."""
    end, body = time.monotonic() + REQUEST_TIMEOUT, b""
    for part in response.iter_content(65536):
        body += part
        if len(body) > _MAX_PAGE_SIZE:
            break
        if time.monotonic() > end:
            raise TimeoutError
    return body.decode(response.encoding or "utf-8", errors="replace")


def _cookies(response: requests.Response) -> list[Cookie]:
    found = []
    for line in response.raw.headers.getlist("Set-Cookie"):
        try:
            morsels = SimpleCookie(line).values()
        except CookieError:
            continue
        found += [
            Cookie(
                morsel.key,
                morsel["path"] or "/",
                bool(morsel["secure"]),
                bool(morsel["httponly"]),
                morsel["samesite"].lower(),
            )
            for morsel in morsels
        ]
    return found


def _reason(error: BaseException) -> str:
    """Return the operating system's error message, if there is one inside a library's error."""
    if isinstance(error, _LATE):
        return f"does not answer within {REQUEST_TIMEOUT:g} s"
    cause: BaseException | None = error
    while cause is not None:
        message = getattr(cause, "strerror", None)
        if message:
            return f"does not answer: {message}"
        cause = cause.__cause__ or cause.__context__
    return f"does not answer: {type(error).__name__}"
