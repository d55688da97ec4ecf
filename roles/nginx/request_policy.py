"""Define NGINX's policy for requests: trusted proxies, limits, TLS, compression."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from omeroweb_ops.shared import server_names
from omeroweb_ops.shared.addresses import url_host

from ..host_paths import ACME, PAGES
from ..operations.files import File
from ..survey import Survey
from ..target import Target
from .templating import TEMPLATES

ACCESS_LOG = "/var/log/nginx/omero-web.access.log"
# 50 people of a course can log in at once, each with one typing error; then one try in 5 seconds.
LOGIN_BURST = 99
LOGIN_RATE = "12r/m"
RETRY_AFTER = 10  # seconds
# Public pages create a session for each request without a cookie; images create none.
SESSION_BURST = 600
SESSION_RATE = "5r/s"
# Limit for requests of visitors: OMERO.web's own forms are much smaller. With the default of
# nginx_max_connections, bodies of one address use at most 512 MB of disk and 64 MB of memory.
SMALL_BODY = "256k"
# Uploads above 100 MB of one address at once. (A stranger could exhaust a limit of the whole site,
# because a request counts before OMERO.web is asked about the session, and until its end.)
UPLOADS = 8
# "Intermediate" of https://wiki.mozilla.org/Security/Server_Side_TLS without finite-field DHE.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
_GROUPS = ("X25519", "prime256v1", "secp384r1")
_HYBRID = "X25519MLKEM768"  # OpenSSL 3.5, https://docs.openssl.org/3.5/man3/SSL_CTX_set1_curves/
# Most URLs of OMERO.web accept a login by ?username=…&password=… and ?bsession=…
# (omeroweb/decorators.py); Django decodes the names.
SECRET_KEYS = "|".join(
    "".join(f"(?:{letter}|%{ord(letter):x})" for letter in name)
    for name in ("password", "bsession")
)
# The pages for refused requests, for people and programs: name of the page, heading, text.
PAGES_OF_REFUSAL = {
    "too-many-logins": (
        "Too many logins from your address",
        "This protects everybody's password from being guessed. Nothing is wrong with your "
        "account.",
    ),
    "too-many-requests": (
        "Too many requests from your address",
        "Too many of them were open at once. Nothing is wrong with your account.",
    ),
    "too-large": (
        "This is too large to send",
        "Large files are taken from people who are logged in, up to a limit of this site. If you "
        "were logged in before, log in again.",
    ),
}


def variables(target: Target) -> dict[str, Any]:
    """Return the variables of the templates."""
    behind = target.settings.nginx_behind_proxy
    names = target.member.server_names
    own = [url_host(each) for each in (target.member.address,) if each]
    return {
        "behind": behind,
        "trusted": behind.addresses if behind else [],
        "names": None if server_names.is_open(names) else server_names.pattern(names),
        "canonical_name": _canonical_name(names, target.application.allowed_hosts),
        "own_names": server_names.pattern([*server_names.LOCAL, *own]),
        "hsts": target.site.tls and target.settings.nginx_hsts,
        # A BREACH attack needs requests of another site's page with the visitor's cookies, which
        # SameSite prevents. Django also masks its CSRF token differently in each answer.
        "gzip": target.application.samesite != "none",
        "acme": ACME,
        "ciphers": CIPHERS,
        "groups": ":".join((_HYBRID, *_GROUPS) if _has_hybrid(target.survey) else _GROUPS),
        "secret_keys": SECRET_KEYS,
        "session_cookie": re.escape(target.application.session_cookie),
        "public": target.application.is_public,
        "login_burst": LOGIN_BURST,
        "login_rate": LOGIN_RATE,
        "session_burst": SESSION_BURST,
        "session_rate": SESSION_RATE,
        "refusal_retry_after": RETRY_AFTER,
        "refusals": PAGES_OF_REFUSAL,
        "small_body": SMALL_BODY,
        "uploads": UPLOADS,
    }


def pages(prefix: str) -> list[File]:
    """Return the pages for refused requests, for people and programs."""
    return [
        File(
            f"{PAGES}/{name}.{kind}",
            TEMPLATES.get_template(f"refusal.{kind}.j2").render(
                name=name,
                heading=heading,
                text=text,
                prefix=prefix,
                retry_after=RETRY_AFTER if name.startswith("too-many") else None,
            ),
        )
        for name, (heading, text) in PAGES_OF_REFUSAL.items()
        for kind in ("html", "json")
    ]


def _canonical_name(names: Sequence[str], allowed: Sequence[str]) -> str:
    """Return the host name that OMERO.web gets for a request without one of the site's names.

    names: of NGINX. allowed: omero.web.allowed_hosts, without which OMERO.web answers 400.
    """
    if server_names.is_open(names) and allowed and "*" not in allowed:
        return server_names.canonical([name.removeprefix(".") for name in allowed])
    return server_names.canonical(names)


def _has_hybrid(survey: Survey) -> bool:
    """Return whether NGINX's OpenSSL is 3.5 or later; an older one refuses an unknown group."""
    least = {"debian": (13,), "ubuntu": (25, 10)}.get(survey.id)
    version = tuple(int(part) for part in survey.version.split(".") if part.isdigit())
    return least is not None and version >= least
