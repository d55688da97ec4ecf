"""Check TLS as visitors use it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ...shared.certificate import Certificate
from ...shared.certificate_expiry import EXPIRY_WARNING
from ..http import Answer
from ..public_probe import PublicState
from ..result import CheckResult


def findings(seen: PublicState) -> Iterator[CheckResult]:
    if seen.certificate:
        yield from _certificate(seen.certificate, seen)
    if seen.plain:
        yield _redirect(seen.plain, seen)
    if seen.login and seen.login.status == 200 and seen.expected.secure:
        yield _strict_transport(seen.login)


def _certificate(found: Certificate, seen: PublicState) -> Iterator[CheckResult]:
    def finding(status: str, message: str) -> CheckResult:
        return CheckResult("certificate", status, message, "" if status == "ok" else "nginx_tls")

    wanted = seen.expected.tls == "self-signed"
    if found.problem:
        yield finding("error", f"no TLS on port {seen.expected.port}: {found.problem}")
        return
    if found.dates:
        yield finding("error", f"the certificate is {found.dates}; replace it")
    if not found.for_name:
        names = ", ".join(found.names) or "no name"
        yield finding("error", f"the certificate is for {names}, not for {seen.expected.host}")
    if found.days is not None and found.days < EXPIRY_WARNING.days:
        yield finding("warning", f"the certificate expires in {found.days} days; renew it")
    if seen.local.renewal:
        yield finding("warning", f"{seen.local.renewal}; see docs/acme.md")
    if found.self_signed and wanted:
        yield finding("info", "self-signed, as set: browsers warn each visitor")
    elif found.self_signed and seen.expected.tls == "acme":
        message = "self-signed until the authority issues one; deploy again, which says why not"
        yield finding("warning", message)
    elif found.distrust:
        yield finding(
            "warning",
            f"no authority that this host knows has issued it ({found.distrust}). Put the whole "
            "chain into the certificate's file, and your own authority into this host's store",
        )
    elif not found.dates and found.for_name:
        yield finding("ok", f"trusted, {found.days} days left")


def _redirect(plain: Answer, seen: PublicState) -> CheckResult:
    if plain.headers.get("location", "").startswith(seen.expected.public.rstrip("/")):
        return CheckResult("redirect", "ok", f"{plain.url} leads to https")
    if not plain.status:
        return CheckResult("redirect", "info", f"{plain}; the site is not found without https://")
    if seen.expected.tls == "off":
        message = f"{plain}; the proxy that ends TLS must redirect visitors to https"
        return CheckResult("redirect", "info", message)
    return CheckResult(
        "redirect",
        "warning",
        f"{plain} and does not lead to {seen.expected.public}",
        "nginx_tls, nginx_http_port",
    )


def _strict_transport(login: Answer) -> CheckResult:
    header = login.headers.get("strict-transport-security")
    if header:
        return CheckResult("hsts", "ok", f"browsers use only https ({header})")
    return CheckResult("hsts", "info", "browsers may use http again", "nginx_hsts")
