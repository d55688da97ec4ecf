"""Check the login form through the proxies, and calls from other sites. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from ...property_names import (
    ADDITIONAL_SETTINGS,
    CSRF_COOKIE_SECURE,
    CSRF_TRUSTED_ORIGINS,
    PREFIX,
    SECURE_PROXY_SSL_HEADER,
)
from .. import login_form
from ..http import Answer
from ..public_probe import STRANGER, PublicState
from ..result import CheckResult

FORWARDED = "pass on Host and X-Forwarded-Proto of the visitor's browser"


def findings(seen: PublicState) -> Iterator[CheckResult]:
    if seen.attempt:
        yield _attempt(seen.attempt, seen)
    if seen.api:
        yield from _address(seen.api, seen)
        yield _stranger(seen.api)
    for origin, answer in seen.origins.items():
        yield _origin(origin, answer)


def _attempt(attempt: Answer, seen: PublicState) -> CheckResult:
    """Check the answer to a login of an unknown user: the form must reach OMERO.web."""
    answered = login_form.read(attempt.text)
    if attempt.status == 200 and answered.is_login:
        message = f"a login reaches OMERO.web, which answers: {answered.error or 'the form again'}"
        return CheckResult("login", "ok", message)
    if attempt.late and any(seen.local.servers.values()):
        return CheckResult("login", "info", "OMERO.web waits for an unreachable OMERO.server")
    if attempt.status == 429:
        return CheckResult("login", "info", "too many logins; check again in a minute")
    if attempt.status == 403 and "CSRF" in attempt.text:
        return CheckResult("login", "error", *_refused(attempt, seen))
    return CheckResult(
        "login", "error", f"the login form's answer: {attempt}; check OMERO.web's log"
    )


def _refused(attempt: Answer, seen: PublicState) -> tuple[str, str]:
    """Return why OMERO.web's CSRF check refused the form, and the setting."""
    properties = seen.local.properties
    try:
        reason = str(json.loads(attempt.text)["message"])
    except (ValueError, TypeError, KeyError):
        reason = "CSRF Failed"
    if "cookie" in reason.lower():
        cause = "browsers drop a Secure cookie over http"
        own = "the cookie's path or domain does not match the page"
        unsafe = not seen.expected.secure and properties.get(CSRF_COOKIE_SECURE)
        return (
            f"logins are refused ({reason}): {cause if unsafe else own}",
            CSRF_COOKIE_SECURE if unsafe else ADDITIONAL_SETTINGS,
        )
    if seen.direct and seen.direct.status == 200:
        return (
            f"logins are refused ({reason}), but not on OMERO.web's own port: a proxy in between "
            f"must {FORWARDED}",
            "nginx_behind_proxy",
        )
    if seen.expected.secure and not properties.get(SECURE_PROXY_SSL_HEADER):
        return (
            f"logins are refused ({reason}): OMERO.web does not know that visitors use https",
            f"{SECURE_PROXY_SSL_HEADER}, {CSRF_TRUSTED_ORIGINS}",
        )
    return f"logins are refused ({reason})", CSRF_TRUSTED_ORIGINS


def _address(api: Answer, seen: PublicState) -> Iterator[CheckResult]:
    """Check the URL that OMERO.web's API reports as its own."""
    try:
        reported = urlsplit(str(json.loads(api.text)["data"][-1]["url:base"]))
    except (ValueError, LookupError, TypeError):
        return
    real, secure = urlsplit(seen.expected.public), seen.expected.secure
    setting = ""
    if reported.scheme != real.scheme:
        unset = secure and not seen.local.properties.get(SECURE_PROXY_SSL_HEADER)
        setting = SECURE_PROXY_SSL_HEADER if unset else "nginx_behind_proxy"
    elif reported.netloc != real.netloc:
        setting = "nginx_behind_proxy"
    elif not reported.path.startswith(real.path):
        setting = PREFIX
    url = f"{reported.scheme}://{reported.netloc}{reported.path}"
    if setting:
        more = f"; a proxy in between must {FORWARDED}" if "proxy" in setting[:12] else ""
        yield CheckResult(
            "address", "error", f"OMERO.web reports {url} as its own URL{more}", setting
        )
    else:
        yield CheckResult("address", "ok", "OMERO.web knows its public URL")


def _stranger(api: Answer) -> CheckResult:
    given = api.headers.get("access-control-allow-origin", "")
    if given == STRANGER or (given and "access-control-allow-credentials" in api.headers):
        message = "any other site may send requests in a visitor's name"
        return CheckResult(
            "cors", "error", message, "web_cors_origins, omero.web.cors_origin_allow_all"
        )
    return CheckResult("cors", "ok", "pages of unknown sites may not read answers")


def _origin(origin: str, answer: Answer) -> CheckResult:
    if answer.headers.get("access-control-allow-origin") in (origin, "*"):
        return CheckResult("cors", "ok", f"{origin} may send requests")
    return CheckResult("cors", "error", f"{origin} may not send requests", "web_cors_origins")
