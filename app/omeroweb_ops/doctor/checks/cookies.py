"""Find cookies that a browser would drop, would not send, or would send to others. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...property_names import (
    ADDITIONAL_SETTINGS,
    CSRF_COOKIE_SECURE,
    PREFIX,
    SESSION_COOKIE_NAME,
    SESSION_COOKIE_SAMESITE,
    SESSION_COOKIE_SECURE,
)
from ..http import Cookie
from ..public_probe import PublicState
from ..result import CheckResult

CSRF = "csrftoken"


def findings(seen: PublicState) -> Iterator[CheckResult]:
    if seen.login is None:
        return
    answers = [seen.login, *([seen.attempt] if seen.attempt else [])]
    cookies = {cookie.name: cookie for answer in answers for cookie in answer.cookies}
    session = str(seen.local.properties.get(SESSION_COOKIE_NAME) or "sessionid")
    wrong = [
        *_secure(session, SESSION_COOKIE_SECURE, cookies, seen),
        *_secure(CSRF, CSRF_COOKIE_SECURE, cookies, seen),
        *(each for cookie in cookies.values() for each in _kept(cookie, seen)),
    ]
    if session in cookies and not cookies[session].http_only:
        message = f"{session} is not HttpOnly: scripts can read it"
        setting = ADDITIONAL_SETTINGS
        wrong.append(CheckResult("cookies", "warning", message, setting))
    yield from wrong or [
        CheckResult("cookies", "ok", "browsers keep them and send them to nobody else")
    ]


def _secure(
    name: str, setting: str, cookies: dict[str, Cookie], seen: PublicState
) -> Iterator[CheckResult]:
    """Check a cookie's Secure attribute, or its property if the cookie was not sent (no login)."""
    configured = bool(seen.local.properties.get(setting))
    secure = cookies[name].secure if name in cookies else configured
    if secure and not seen.expected.secure:
        message = f"{name} is Secure, but visitors use http: nobody stays logged in"
        yield CheckResult("cookies", "error", message, setting)
    elif seen.expected.secure and not secure:
        message = f"{name} is not Secure: browsers send it over http, too"
        yield CheckResult("cookies", "warning", message, setting)


def _kept(cookie: Cookie, seen: PublicState) -> Iterator[CheckResult]:
    if cookie.same_site == "none" and not cookie.secure:
        message = f"{cookie.name} is SameSite=None and not Secure: browsers drop it"
        yield CheckResult("cookies", "error", message, SESSION_COOKIE_SAMESITE)
    if not f"{seen.expected.prefix}/".startswith(cookie.path.rstrip("/") + "/"):
        message = f"{cookie.name} is for {cookie.path}: browsers do not send it with the page"
        yield CheckResult("cookies", "error", message, PREFIX)
