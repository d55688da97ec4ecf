"""What visitors meet on their way to the login page. Pure: judged from what was observed."""

from __future__ import annotations

from collections.abc import Iterator

from . import here, judge_here, judge_login
from .certificate import Certificate
from .finding import Finding
from .http import Answer
from .observe import Observed

_SOON = 21  # days
# Seconds that the page says which NGINX shows by itself; planned maintenance says another time.
AUTOMATIC = "30"


def findings(seen: Observed) -> Iterator[Finding]:
    """Every check, in the order in which a visitor depends on them."""
    yield from judge_here.findings(seen)
    yield from _name(seen)
    if seen.certificate:
        yield from _certificate(seen.certificate, seen)
    if seen.plain:
        yield _redirect(seen.plain, seen)
    if seen.login:
        yield _login_page(seen.login, seen)
        yield from _strict_transport(seen.login, seen)
    if seen.static:
        yield from _static(seen.static)
    if seen.root:
        yield _root(seen.root, seen)
    yield from judge_login.findings(seen)
    if seen.skew is not None:
        yield _clock(seen.skew)


def _name(seen: Observed) -> Iterator[Finding]:
    host = seen.connect or seen.expected.host
    if seen.unknown:
        yield Finding(
            "name",
            "error",
            f"{host} has no address here ({seen.unknown}). Give it one in DNS or /etc/hosts; "
            "--connect 127.0.0.1 asks an NGINX on this host meanwhile",
            "nginx_server_name",
        )
    elif seen.first and not seen.first.status:
        setting = "nginx_https_port" if seen.expected.secure else "nginx_http_port"
        yield Finding(
            "name",
            "error",
            f"{seen.first}. If visitors do get there, it is the way from this host (split DNS, a "
            "router that does not turn back): --connect 127.0.0.1 asks an NGINX on this host",
            f"nginx_server_name, {setting}",
        )
    elif seen.first:
        yield Finding("name", "ok", f"{host} is reached")


def _certificate(found: Certificate, seen: Observed) -> Iterator[Finding]:
    def finding(status: str, message: str) -> Finding:
        return Finding("certificate", status, message, "" if status == "ok" else "nginx_tls")

    wanted = seen.expected.tls == "self-signed"
    if found.problem:
        yield finding("error", f"no TLS on port {seen.expected.port}: {found.problem}")
        return
    if found.dates:
        yield finding("error", f"the certificate is {found.dates}; put another in its place")
    if not found.for_name:
        names = ", ".join(found.names) or "no name"
        yield finding("error", f"the certificate is for {names} and not for {seen.expected.host}")
    if found.days is not None and found.days < _SOON:
        yield finding("warning", f"the certificate ends in {found.days} days; renew it")
    if found.self_signed and wanted:
        yield finding("info", "self-signed, as the setting says: browsers warn each visitor")
    elif found.distrust:
        yield finding(
            "warning",
            f"no authority that this host knows vouches for it ({found.distrust}). Put the whole "
            "chain into the certificate's file; an authority of your own: into this host's store",
        )
    elif not found.dates and found.for_name:
        yield finding("ok", f"trusted, {found.days} days left")


def _redirect(plain: Answer, seen: Observed) -> Finding:
    if plain.headers.get("location", "").startswith(seen.expected.public.rstrip("/")):
        return Finding("redirect", "ok", f"{plain.url} leads to https")
    if not plain.status:
        return Finding("redirect", "info", f"{plain}; typed without https:// it is not found")
    return Finding(
        "redirect",
        "warning",
        f"{plain} and does not lead to {seen.expected.public}",
        "nginx_tls, nginx_http_port",
    )


def _login_page(login: Answer, seen: Observed) -> Finding:
    def error(message: str, setting: str = "") -> Finding:
        return Finding("login page", "error", message, setting)

    served = seen.here.own.status == 200
    if login.status == 200 and seen.page.is_login:
        return Finding("login page", "ok", f"{login.url} is OMERO.web's")
    if login.status == 200:
        title = seen.page.title or "without a title"
        return error(
            f"{login.url} is another page ({title}): another site answers here",
            "nginx_server_name",
        )
    if login.status == 503 and login.headers.get("retry-after", AUTOMATIC) != AUTOMATIC:
        message = "planned maintenance is on; `omeroweb-ops maintenance off` ends it"
        return Finding("maintenance", "warning", message)
    if login.status in (502, 503, 504) and served:
        return error(
            f"{login}, but OMERO.web answers on {seen.here.base}: NGINX sends visitors elsewhere",
            f"{here.HOST}, {here.PORT}",
        )
    if login.status in (502, 503, 504):
        return error(f"{login}, since OMERO.web is away")
    if login.status == 400 and not judge_here.allowed(seen):
        return error(f"{login}: OMERO.web does not know this name", here.ALLOWED)
    if login.status in (404, 500) and served:
        return error(
            f"{login}, but OMERO.web answers on {seen.here.base}: NGINX has another prefix",
            "omero.web.prefix",
        )
    return error(f"{login}; OMERO.web's log may say why")


def _strict_transport(login: Answer, seen: Observed) -> Iterator[Finding]:
    if seen.expected.secure and login.status == 200:
        header = login.headers.get("strict-transport-security")
        if header:
            yield Finding("hsts", "ok", f"browsers come by https alone ({header})")
        else:
            yield Finding("hsts", "info", "browsers are not told to keep to https", "nginx_hsts")


def _static(static: Answer) -> Iterator[Finding]:
    kind = static.headers.get("content-type", "")
    if static.status != 200:
        message = f"{static}: pages have no style"
        yield Finding("static files", "error", message, "omero.web.static_url, static_root")
    elif not kind.startswith("text/css"):
        message = f"{static.url} is sent as {kind or 'nothing'}: browsers refuse it"
        setting = "omero.web.nginx_server_extra_config"
        yield Finding("static files", "error", message, setting)
    else:
        lacking = [
            what
            for header, what in (("content-encoding", "compressed"), ("cache-control", "cached"))
            if not static.headers.get(header)
        ]
        told = f"not {' and not '.join(lacking)}" if lacking else "compressed and cached"
        status = "info" if lacking else "ok"
        yield Finding("static files", status, f"{static.url} is there, {told}")


def _root(root: Answer, seen: Observed) -> Finding:
    target = root.headers.get("location", "")
    if target.removeprefix(seen.expected.origin).startswith(f"{seen.expected.prefix}/"):
        return Finding("prefix", "ok", f"{root.url} leads to {seen.expected.prefix}/")
    message = f"{root} and does not lead to {seen.expected.prefix}/"
    return Finding("prefix", "info", message, "omero.web.prefix")


def _clock(skew: float) -> Finding:
    if abs(skew) <= 60:
        return Finding("clock", "ok", "the site's clock and this host's agree")
    message = f"the site's clock and this host's are {abs(skew):.0f} s apart; run chrony on both"
    return Finding("clock", "warning", message)
