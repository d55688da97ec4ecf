"""How NGINX treats visitors: whom it believes, how much it takes of them, what it compresses."""

from __future__ import annotations

import re
from typing import Any

from ..host_paths import ACME, PAGES
from ..inventory import server_names
from ..operations.files import File
from ..survey import Survey
from ..target import Target
from .templating import TEMPLATES

ACCESS_LOG = "/var/log/nginx/omero-web.access.log"
# A course of 50 people, each mistyping once, gets in at once; after that a guess each 5 seconds.
LOGIN_BURST = 99
LOGIN_RATE = "12r/m"
RETRY_AFTER = 10  # seconds
# Public pages make a session for each request that comes without a cookie: embedded thumbnails do.
SESSION_BURST = 600
SESSION_RATE = "5r/s"
# Of a request that is not a logged-in user's: OMERO.web's own forms are far below. With the default
# of nginx_max_connections one address holds 512 MB of disk by such bodies and 64 MB of memory.
SMALL_BODY = "256k"
# Above 100 MB, at once, of one address. (A limit of the whole site could be held by a stranger: a
# request is counted before OMERO.web is asked, and until its end.)
UPLOADS = 8
# "Intermediate" of https://wiki.mozilla.org/Security/Server_Side_TLS without finite-field DHE.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
_GROUPS = ("X25519", "prime256v1", "secp384r1")
_HYBRID = "X25519MLKEM768"  # OpenSSL 3.5, https://docs.openssl.org/3.5/man3/SSL_CTX_set1_curves/
# OMERO.web logs in by ?username=…&password=… and by ?bsession=… (omeroweb/decorators.py) at most of
# its URLs; Django decodes the names.
SECRET_KEYS = "|".join(
    "".join(f"(?:{letter}|%{ord(letter):x})" for letter in name)
    for name in ("password", "bsession")
)
# What a visitor sees who is refused, and what a program gets: name of the page, heading, text.
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
    """What the templates need to know."""
    behind = target.settings.nginx_behind_proxy
    names = target.member.server_names
    own = [f"[{each}]" if ":" in each else each for each in (target.member.address,) if each]
    return {
        "behind": behind,
        "trusted": behind.addresses if behind else [],
        "names": None if server_names.is_open(names) else server_names.pattern(names),
        "canonical_name": server_names.canonical(names) if names else "",
        "own_names": server_names.pattern([*server_names.LOCAL, *own]),
        "hsts": target.site.tls and target.settings.nginx_hsts,
        # BREACH needs a page that makes a visitor's browser ask as that visitor. Django masks its
        # CSRF token anew in each answer, and SameSite cookies do not go with a foreign page's.
        "gzip": target.application.samesite != "none",
        "acme": ACME,
        "access_log": ACCESS_LOG,
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
    """Return what a visitor sees whose request is refused, and what a program gets."""
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


def _has_hybrid(survey: Survey) -> bool:
    """Whether NGINX's OpenSSL is 3.5 or later; an older one refuses a group it does not know."""
    least = {"debian": (13,), "ubuntu": (25, 10)}.get(survey.id)
    version = tuple(int(part) for part in survey.version.split(".") if part.isdigit())
    return least is not None and version >= least
