"""Check what visitors meet on their way to the login page. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ...login_page import works
from ...property_names import (
    ALLOWED_HOSTS,
    HOST,
    LOGIN_VIEW,
    NGINX_SERVER_EXTRA_CONFIG,
    PORT,
    PREFIX,
)
from ..http import Answer
from ..public_probe import PublicState
from ..result import CheckResult
from . import local
from .login import FORWARDED

# Retry-After, in seconds, of the maintenance page that NGINX shows when OMERO.web is down
# (roles.nginx.maintenance_page.RETRY_AFTER); planned maintenance has another value.
AUTOMATIC = "30"


def check_name(seen: PublicState) -> Iterator[CheckResult]:
    """Check the site's name, and whether the site is reachable by this name."""
    host = seen.connect or seen.expected.host
    if seen.unknown:
        yield CheckResult(
            "name",
            "error",
            f"{host} has no address on this host ({seen.unknown}). Add it to DNS or /etc/hosts; "
            "until then, --connect 127.0.0.1 checks an NGINX on this host",
            "nginx_server_name",
        )
    elif seen.first and not seen.first.status:
        setting = "nginx_https_port" if seen.expected.secure else "nginx_http_port"
        yield CheckResult(
            "name",
            "error",
            f"{seen.first}. If visitors can reach it, this host's route is the cause (split DNS, a "
            "router without hairpin NAT): --connect 127.0.0.1 checks an NGINX on this host",
            f"nginx_server_name, {setting}",
        )
    elif seen.first:
        yield CheckResult("name", "ok", f"{host} is reachable")


def check_pages(seen: PublicState) -> Iterator[CheckResult]:
    """Check the login page, one of its static files, and the URL without a path."""
    if seen.login:
        yield _login_page(seen.login, seen)
    if seen.static:
        yield from _static(seen.static)
    if seen.root:
        yield _root(seen.root, seen)


def _login_page(login: Answer, seen: PublicState) -> CheckResult:
    def error(message: str, setting: str = "") -> CheckResult:
        return CheckResult("login page", "error", message, setting)

    served = works(seen.local.own.status, seen.local.login)
    if login.status == 200 and seen.page.is_login:
        return CheckResult("login page", "ok", f"{login.url} is OMERO.web's")
    if seen.has_own_login:
        target = urlsplit(login.headers.get("location", "")).hostname
        what = f"leads to {target}" if target else "is the site's own"
        message = f"{login.url} {what}: it works; this command does not check the login behind it"
        return CheckResult("login page", "info", message, LOGIN_VIEW)
    if login.status == 200:
        title = seen.page.title or "without a title"
        return error(
            f"{login.url} is another page ({title}): another site answers",
            "nginx_server_name",
        )
    if login.status == 503 and login.headers.get("retry-after", AUTOMATIC) != AUTOMATIC:
        message = "planned maintenance is on; `omeroweb-ops maintenance off` ends it"
        return CheckResult("maintenance", "warning", message)
    if login.status in (502, 503, 504) and served:
        return error(
            f"{login}, but OMERO.web answers on {seen.local.base}: NGINX uses another address",
            f"{HOST}, {PORT}",
        )
    if login.status in (502, 503, 504):
        return error(f"{login}, because OMERO.web is down")
    if login.status == 400 and not local.allowed(seen):
        return error(f"{login}: OMERO.web does not know this name", ALLOWED_HOSTS)
    if login.status == 400 and served:
        message = (
            f"{login}, but OMERO.web knows the name and answers on {seen.local.base}: a proxy in "
            f"between must {FORWARDED}"
        )
        return CheckResult("address", "error", message, "nginx_behind_proxy")
    if login.status in (404, 500) and served:
        return error(
            f"{login}, but OMERO.web answers on {seen.local.base}: NGINX has another prefix",
            PREFIX,
        )
    return error(f"{login}; check OMERO.web's log")


def _static(static: Answer) -> Iterator[CheckResult]:
    kind = static.headers.get("content-type", "")
    if static.status != 200:
        message = f"{static}: pages have no styles"
        yield CheckResult("static files", "error", message, "omero.web.static_url, static_root")
    elif not kind.startswith("text/css"):
        message = f"{static.url} is sent as {kind or 'nothing'}: browsers refuse it"
        setting = NGINX_SERVER_EXTRA_CONFIG
        yield CheckResult("static files", "error", message, setting)
    else:
        lacking = [
            what
            for header, what in (("content-encoding", "compressed"), ("cache-control", "cached"))
            if not static.headers.get(header)
        ]
        sent = f"not {' and not '.join(lacking)}" if lacking else "compressed and cached"
        status = "info" if lacking else "ok"
        yield CheckResult("static files", status, f"{static.url} is sent {sent}")


def _root(root: Answer, seen: PublicState) -> CheckResult:
    target = root.headers.get("location", "")
    if target.removeprefix(seen.expected.origin).startswith(f"{seen.expected.prefix}/"):
        return CheckResult("prefix", "ok", f"{root.url} leads to {seen.expected.prefix}/")
    message = f"{root} and does not lead to {seen.expected.prefix}/"
    return CheckResult("prefix", "info", message, PREFIX)


def check_clock(seen: PublicState) -> Iterator[CheckResult]:
    """Check that the clocks of the site and of this host differ by at most a minute."""
    if seen.skew is None:
        return
    apart = abs(seen.skew)
    if apart <= 60:
        yield CheckResult("clock", "ok", "the site's clock and this host's agree")
    else:
        message = f"the site's clock and this host's are {apart:.0f} s apart; run chrony on both"
        yield CheckResult("clock", "warning", message)
