"""Find what prevents an ACME authority from issuing a certificate, before it is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from omeroweb_ops.shared.addresses import parse
from omeroweb_ops.shared.finding import Finding

from .acme import LETS_ENCRYPT, AcmeCertificate
from .certificate import SETTING
from .member import Member
from .secrets_file import EAB_KEY
from .site import Site

_OWN_FILES = 'or set your own files: {"certificate": FILE, "key": FILE}'
_MOST_NAMES = 100  # of a certificate by Let's Encrypt; others allow no more
_PUBLIC = (LETS_ENCRYPT, "https://acme-staging-v02.api.letsencrypt.org/directory")
# Names that never are in the public DNS (RFC 2606, RFC 6762, RFC 9476 and ICANN's `internal`).
_PRIVATE = re.compile(r".*\.(example|internal|invalid|local|localhost|alt|test|lan|home\.arpa)")


def errors(site: Site, member: Member) -> Iterator[Finding]:
    """Yield every error about ACME in one host's settings."""
    given = member.settings.nginx_tls
    if "nginx" not in member.groups:
        return
    if not isinstance(given, AcmeCertificate):
        if EAB_KEY in site.secrets and not _is_used(site):
            yield Finding(EAB_KEY, f'is for an ACME account; set {SETTING}["acme"]["eab"], too')
        return
    yield from _names(member, public=given.acme.server in _PUBLIC)
    yield from _challenge(site, member)
    key = site.secrets.get(EAB_KEY)
    if given.acme.eab and key is None:
        yield Finding(
            SETTING,
            f"eab: needs the key of the account; set `{EAB_KEY}: …` in the file that web_secrets "
            "names",
        )
    if key is not None and not re.fullmatch(r"[A-Za-z0-9_-]{16,}={0,2}", str(key)):
        yield Finding(EAB_KEY, "must be text in base64url form, as the authority gives it")
    if key is not None and not given.acme.eab and not _is_used(site):
        yield Finding(EAB_KEY, f'needs its key identifier; set {SETTING}["acme"]["eab"]["kid"]')


def _is_used(site: Site) -> bool:
    found = (each.settings.nginx_tls for each in site.group("nginx"))
    return any(isinstance(each, AcmeCertificate) and each.acme.eab for each in found)


def _names(member: Member, *, public: bool) -> Iterator[Finding]:
    names = member.server_names
    if not names:
        yield Finding(
            SETTING,
            "acme: a certificate is for names; set nginx_server_name to the site's names, for "
            'example "images.example.org"',
        )
    for name in names:
        lower = name.lower()
        if "*" in name or name.startswith(".") or name == "_":
            yield Finding(
                SETTING,
                f"acme: {name} in nginx_server_name is a wildcard, for which an authority asks a "
                f"change of the DNS; set each name in full, {_OWN_FILES}",
            )
        elif parse(name):
            yield Finding(
                SETTING,
                f"acme: {name} in nginx_server_name is an IP address, for which certbot gets no "
                f"certificate; set a host name, {_OWN_FILES}",
            )
        elif "_" in name or len(name) > 253:
            yield Finding(SETTING, f"acme: {name} in nginx_server_name is not a host name")
        elif public and ("." not in lower.strip(".") or _PRIVATE.fullmatch(lower)):
            yield Finding(
                SETTING,
                f"acme: Let's Encrypt issues no certificate for {name} in nginx_server_name, which "
                f"is not a name of the public DNS; set the server of a private authority, "
                f"{_OWN_FILES}",
            )
    if len(names) > _MOST_NAMES:
        yield Finding(
            SETTING, f"acme: a certificate has at most {_MOST_NAMES} names, not {len(names)}"
        )


def _challenge(site: Site, member: Member) -> Iterator[Finding]:
    """Yield an error if the authority's request over HTTP does not reach this NGINX."""
    settings = member.settings
    if settings.nginx_http_port != 80:
        yield Finding(
            SETTING,
            "acme: an authority asks the site on port 80, and nginx_http_port is "
            f"{settings.nginx_http_port}; set nginx_http_port = 80, {_OWN_FILES}",
        )
    own = {name.lower() for name in member.server_names}
    others = [
        each.name
        for each in site.group("nginx")
        if each is not member and own & {name.lower() for name in each.server_names}
    ]
    if others:
        yield Finding(
            SETTING,
            f"acme: {', '.join(others)} has the same nginx_server_name, and an authority's request "
            "reaches only one of the hosts; end TLS in the balancer in front (nginx_behind_proxy), "
            f"{_OWN_FILES}",
        )
