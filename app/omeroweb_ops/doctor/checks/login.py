"""The login form's way through the proxies, and calls from other sites. Pure."""

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

FORWARDED = "pass on Host and X-Forwarded-Proto as the visitor's browser had them"


def findings(seen: PublicState) -> Iterator[CheckResult]:
    if seen.attempt:
        yield _attempt(seen.attempt, seen)
    if seen.api:
        yield from _address(seen.api, seen)
        yield _stranger(seen.api)
    for origin, answer in seen.origins.items():
        yield _origin(origin, answer)


def _attempt(attempt: Answer, seen: PublicState) -> CheckResult:
    """Whatever OMERO.web itself says of a user that there is not, is the way it should be."""
    answered = login_form.read(attempt.text)
    if attempt.status == 200 and answered.is_login:
        said = f"a login comes through; OMERO.web says: {answered.error or 'the form again'}"
        return CheckResult("login", "ok", said)
    if attempt.late and any(seen.local.servers.values()):
        return CheckResult("login", "info", "OMERO.web waits for an OMERO.server that is away")
    if attempt.status == 429:
        return CheckResult("login", "info", "too many logins just now; ask again in a minute")
    if attempt.status == 403 and "CSRF" in attempt.text:
        return CheckResult("login", "error", *_refused(attempt, seen))
    return CheckResult("login", "error", f"the login form's answer: {attempt}; see OMERO.web's log")


def _refused(attempt: Answer, seen: PublicState) -> tuple[str, str]:
    """Why OMERO.web took the form for a forged one, and the setting."""
    properties = seen.local.properties
    try:
        reason = str(json.loads(attempt.text)["message"])
    except (ValueError, TypeError, KeyError):
        reason = "CSRF Failed"
    if "cookie" in reason.lower():
        cause = "over http a browser keeps no cookie that is Secure"
        own = "the cookie's path or domain is not that of the page"
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
            f"logins are refused ({reason}): OMERO.web is not told that visitors come by https",
            f"{SECURE_PROXY_SSL_HEADER}, {CSRF_TRUSTED_ORIGINS}",
        )
    return f"logins are refused ({reason})", CSRF_TRUSTED_ORIGINS


def _address(api: Answer, seen: PublicState) -> Iterator[CheckResult]:
    """OMERO.web's API tells its own URL: what it believes its address to be."""
    try:
        believed = urlsplit(str(json.loads(api.text)["data"][-1]["url:base"]))
    except (ValueError, LookupError, TypeError):
        return
    real, secure = urlsplit(seen.expected.public), seen.expected.secure
    setting = ""
    if believed.scheme != real.scheme:
        unset = secure and not seen.local.properties.get(SECURE_PROXY_SSL_HEADER)
        setting = SECURE_PROXY_SSL_HEADER if unset else "nginx_behind_proxy"
    elif believed.netloc != real.netloc:
        setting = "nginx_behind_proxy"
    elif not believed.path.startswith(real.path):
        setting = PREFIX
    told = f"OMERO.web takes its address for {believed.scheme}://{believed.netloc}{believed.path}"
    if setting:
        more = f"; a proxy in between must {FORWARDED}" if "proxy" in setting[:12] else ""
        yield CheckResult("address", "error", told + more, setting)
    else:
        yield CheckResult("address", "ok", "OMERO.web knows its public one")


def _stranger(api: Answer) -> CheckResult:
    given = api.headers.get("access-control-allow-origin", "")
    if given == STRANGER or (given and "access-control-allow-credentials" in api.headers):
        message = "any other site may ask in a visitor's name"
        return CheckResult(
            "cors", "error", message, "web_cors_origins, omero.web.cors_origin_allow_all"
        )
    return CheckResult("cors", "ok", "a stranger's page may not read answers")


def _origin(origin: str, answer: Answer) -> CheckResult:
    if answer.headers.get("access-control-allow-origin") in (origin, "*"):
        return CheckResult("cors", "ok", f"{origin} may ask")
    return CheckResult("cors", "error", f"{origin} may not ask", "web_cors_origins")
