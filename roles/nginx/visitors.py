"""How NGINX treats visitors: whom it believes, how often they may log in, what it compresses."""

from __future__ import annotations

from typing import Any

from ..items import File
from ..site import Member, Site
from .rendering import PAGES, TEMPLATES

ACME = "/var/www/omero-web-acme"
ACCESS_LOG = "/var/log/nginx/omero-web.access.log"
# A course of 50 people, each mistyping once, gets in at once; after that a guess each 5 seconds.
LOGIN_BURST = 99
LOGIN_RATE = "12r/m"
LOGIN_RETRY_AFTER = 10  # seconds
# "Intermediate" of https://wiki.mozilla.org/Security/Server_Side_TLS without finite-field DHE.
CIPHERS = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
# OMERO.web logs in by ?username=…&password=… at most of its URLs; Django decodes the name.
PASSWORD_KEY = "".join(f"({letter}|%{ord(letter):x})" for letter in "password")


def variables(site: Site, member: Member) -> dict[str, Any]:
    """What the templates need to know."""
    behind = member.settings.nginx_behind_proxy
    samesite = str(site.effective(site.group("web")[0], "omero.web.session_cookie_samesite"))
    return {
        "behind": behind,
        "trusted": behind.addresses if behind else [],
        "hsts": site.tls and member.settings.nginx_hsts,
        # BREACH needs a foreign page that makes a visitor's browser ask as that visitor. Django
        # masks its CSRF token anew in each answer, and SameSite cookies stay at home.
        "gzip": samesite.lower() != "none",
        "acme": ACME,
        "access_log": ACCESS_LOG,
        "ciphers": CIPHERS,
        "password_key": PASSWORD_KEY,
        "login_burst": LOGIN_BURST,
        "login_rate": LOGIN_RATE,
        "login_retry_after": LOGIN_RETRY_AFTER,
    }


def pages(site: Site) -> list[File]:
    """What a visitor sees who has logged in too often, and what a program gets."""
    prefix = site.prefix(site.group("web")[0])
    return [
        File(
            f"{PAGES}/too-many-logins.{kind}",
            TEMPLATES.get_template(f"too-many-logins.{kind}.j2").render(
                prefix=prefix, login_retry_after=LOGIN_RETRY_AFTER
            ),
        )
        for kind in ("html", "json")
    ]
