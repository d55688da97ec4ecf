"""Find the errors and warnings that concern several settings or several hosts.

`settings` checks each setting by itself, `omeroweb_ops.state.checks` properties together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

from omeroweb_ops.property_names import (
    ADDITIONAL_SETTINGS,
    APPS,
    CACHES,
    HOST,
    PREFIX,
    SECRET_KEY,
    SESSION_ENGINE,
    SESSION_SERIALIZER,
    STATIC_URL,
    STATICFILE_DIRS,
)
from omeroweb_ops.shared.addresses import is_ipv6, is_loopback, parse
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.state import checks, derived
from omeroweb_ops.state.redaction import as_data, secret_texts

from ..host_paths import REDIS_SOCKET
from . import (
    acme_checks,
    branding,
    cors_checks,
    notify_checks,
    plugin_checks,
    public_checks,
    tls_files,
    upgrade_notes,
    web_checks,
)
from .member import Member
from .plugins import Addition, additions
from .site import GROUPS, SCHEMA, Site

# characters: 16 hexadecimal digits are 64 bits, too many to try over a network. The secret key
# needs more, because an attacker can try keys on signed text without a network.
LEAST_PASSWORD = 16
_LEAST_SECRET_KEY = 32
_ENGINES = {"redis": derived.CACHE_ENGINE, "file": derived.FILE_ENGINE}
_NEEDED_BY = {"redis": ["web"], "web": ["nginx"], "nginx": ["web"]}
# NGINX serves several web hosts as one site, with the static files of one release.
_SAME = (PREFIX, STATIC_URL, APPS, STATICFILE_DIRS)


def errors(site: Site) -> list[Finding]:
    """Return every error, with the host's name before its subject."""
    return [
        Finding(f"{member.name}: {each.subject}", site.redact(each.message))
        for member in site.members.values()
        for each in [
            *_of_host(site, member),
            *_of_properties(site, member),
            *public_checks.errors(site, member),
            *web_checks.errors(site, member),
            *acme_checks.errors(site, member),
            *notify_checks.errors(site, member),
            *_of_certificate(member, severity="error"),
        ]
    ]


def warnings(site: Site) -> list[Finding]:
    """Return what works but should be changed, with the host's name before its subject."""
    return [
        Finding(f"{member.name}: {each.subject}", site.redact(each.message))
        for member in site.group("web")
        for each in [
            *_doubts(site, member),
            *cors_checks.warnings(site, member),
            *_misplaced(member),
        ]
    ] + [
        Finding(f"{member.name}: {each.subject}", each.message)
        for member in site.group("nginx")
        for each in _of_certificate(member, severity="warning")
    ]


def _of_host(site: Site, member: Member) -> Iterator[Finding]:
    if not member.groups & set(GROUPS):
        yield Finding("groups", "is in none of the groups redis, web and nginx; add it to one")
    if "redis" in member.groups:
        yield from _of_redis(site, member)
    yield from _same_port(site, member)
    if "web" in member.groups and site.network(member).remote_nginx:
        yield from _unreachable(site, member)
    if "nginx" in member.groups and not site.group("web"):
        yield Finding("groups", "NGINX needs an OMERO.web; add a group web")
    if len(site.members) > 1 and not member.address and _is_needed_by_others(site, member):
        yield Finding("address", "must be set: other hosts need it, and the name is not an address")


def _unreachable(site: Site, member: Member) -> Iterator[Finding]:
    """Yield an error if NGINX on another host cannot reach the address of OMERO.web."""
    host, by_ipv6 = site.application(member).listens_on, is_ipv6(member.address or "")
    everywhere = "::" if by_ipv6 else "0.0.0.0"
    if is_loopback(host):
        yield Finding(HOST, f"{host} is unreachable from NGINX on another host; set {everywhere}")
    elif by_ipv6 and isinstance(parse(host), IPv4Address):
        yield Finding(
            HOST,
            f"{host} takes no IPv6 connections, and the address of this host is {member.address}; "
            "set ::, or an IPv4 address or a name as address",
        )


def _of_certificate(member: Member, *, severity: str) -> list[Finding]:
    if "nginx" not in member.groups:
        return []
    return [each for each in tls_files.findings(member) if each.severity == severity]


def _of_redis(site: Site, member: Member) -> Iterator[Finding]:
    settings, password = member.settings, _password(site)
    opening = "redis_bind" if settings.redis_bind else "redis_port"
    if settings.redis_has_port and not password:
        yield Finding(
            opening,
            f"{getattr(settings, opening)!r} opens Redis' port to every user of this host, or to "
            "other hosts, without a password; set redis_password: … in the file that web_secrets "
            "names, or remove redis_bind and redis_port: OMERO.web uses a socket",
        )
    if password and len(password) < LEAST_PASSWORD:
        yield Finding("redis_password", too_short(password, LEAST_PASSWORD))
    others = [web.name for web in site.group("web") if web is not member]
    if others and settings.redis_is_local:
        yield Finding(
            "redis_bind",
            f"{settings.redis_bind or 'not set'!r} is unreachable from {', '.join(others)}; set "
            "this host's address, and redis_password in the web_secrets file",
        )
    if settings.redis_allow and settings.redis_is_local:
        yield Finding(
            "redis_allow", "is for other hosts; set this host's address in redis_bind, too"
        )
    if member is not site.group("redis")[0]:
        yield Finding("groups", "only one host may be in redis; remove this host from the group")


def _password(site: Site) -> str | None:
    """Return Redis' password, or None if it is not text: `secrets_file` reports that error."""
    password = site.secrets.get("redis_password")
    return site.redis_password if type(password) in (str, int) else None


def too_short(secret: str, least: int) -> str:
    """Return the message about a short secret, without the secret."""
    return (
        f"must have at least {least} characters, not {len(secret)}. Example: the output of "
        f"`openssl rand -hex {least // 2}`"
    )


def _of_redis_url(site: Site, member: Member) -> Iterator[Finding]:
    url = member.settings.web_redis_url
    if url and site.group("redis"):
        yield Finding("web_redis_url", "contradicts the group redis; set only one of them")
    if url and member.settings.web_sessions == "file":
        yield Finding("web_redis_url", 'contradicts web_sessions = "file"; set only one of them')
    if "redis_user" in site.secrets and not url:
        yield Finding("redis_user", "is for a Redis run by others; set web_redis_url, too")
    first = site.group("web")[0]
    if member is not first and url != first.settings.web_redis_url:
        yield Finding(
            "web_redis_url",
            f"{_shown(url)} here and {_shown(first.settings.web_redis_url)} on {first.name}; "
            "set the same value for all web hosts, which share the sessions",
        )


def _of_own_caches(site: Site, member: Member) -> Iterator[Finding]:
    """Yield an error if the site's own caches use a port that this Redis does not have."""
    caches = site.explicit(member).set.get(CACHES)
    closed = "redis" in member.groups and not member.settings.redis_has_port
    if closed and re.search(r"rediss?://([^@/]*@)?(127\.|localhost|\[::1\])", str(caches)):
        yield Finding(
            CACHES,
            "uses a port of this host, but its Redis has none; remove the property (sessions and "
            f"cache are set without it), set unix://{REDIS_SOCKET}, or open the port with "
            "redis_port and redis_password",
        )


def _same_port(site: Site, member: Member) -> Iterator[Finding]:
    taken: dict[int, str] = {}
    for port, _program, setting in site.ports(member):
        if port in taken:
            yield Finding(setting, f"port {port} is that of {taken[port]}, too; set another port")
        taken[port] = setting


def _is_needed_by_others(site: Site, member: Member) -> bool:
    return any(
        other is not member
        for group in member.groups & _NEEDED_BY.keys()
        for needing in _NEEDED_BY[group]
        for other in site.group(needing)
    )


def _of_properties(site: Site, member: Member) -> list[Finding]:
    if "web" not in member.groups:
        return []
    found = [*_contradictions(site, member)]
    _texts, mistakes = site.resolved(member)
    if not (found or mistakes):  # each is valid by itself: check them together
        found += [each for each in _together(site, member) if each.is_error]
        found += _different(site, member)
    return [*found, *mistakes]


def _contradictions(site: Site, member: Member) -> Iterator[Finding]:
    settings = member.settings
    for name in settings.web_config.keys() & site.secret_properties.keys():
        yield Finding(name, "is in web_config and in the web_secrets file; set only one of them")
    yield from _of_redis_url(site, member)
    key = site.explicit(member).set.get(SECRET_KEY)
    if key is not None and len(str(key)) < _LEAST_SECRET_KEY:
        yield Finding(SECRET_KEY, too_short(str(key), _LEAST_SECRET_KEY))
    if settings.web_sessions == "redis" and not (site.group("redis") or settings.web_redis_url):
        yield Finding(
            "web_sessions",
            '"redis" needs a host in the group redis, or web_redis_url; or set "file"',
        )
    engine = settings.web_config.get(SESSION_ENGINE)
    if settings.web_sessions and engine and engine != _ENGINES[settings.web_sessions]:
        yield Finding(
            "web_sessions",
            f'"{settings.web_sessions}" contradicts {SESSION_ENGINE} = {engine!r}; '
            "set only one of them",
        )
    if len(site.group("web")) > 1:
        if SECRET_KEY not in site.desired(member).set:
            yield Finding(
                SECRET_KEY,
                "must be the same on all web hosts; set it in the web_secrets file",
            )
        if site.desired(member).set.get(SESSION_ENGINE) == derived.FILE_ENGINE:
            yield Finding(
                SESSION_ENGINE,
                "several web hosts must share sessions, but these are files on this host; "
                "add a host to the group redis",
            )
    if derived.pairs_of(settings.web_config.get(ADDITIONAL_SETTINGS)) is None:
        yield Finding(ADDITIONAL_SETTINGS, "must be a list of pairs, [[NAME, value], …]")
    yield from _of_own_caches(site, member)
    yield from cors_checks.errors(site, member)
    yield from branding.contradictions(settings)
    yield from plugin_checks.find(site, member)
    yield from upgrade_notes.errors(
        upgrade_notes.locked(settings.web_requirements),
        settings.web_config.get(SESSION_SERIALIZER),
    )


def _different(site: Site, member: Member) -> Iterator[Finding]:
    """Yield where a web host differs from the first one although one NGINX proxies to both."""
    first = site.group("web")[0]
    if member is first or not site.group("nginx") or site.resolved(first)[1]:
        return
    own, other = (each.settings.web_requirements for each in (member, first))
    if own != other and not (own and other and Path(own).read_bytes() == Path(other).read_bytes()):
        yield Finding(
            "web_requirements",
            f"{own or 'none'} is not the release of {first.name} ({other or 'none'}); "
            "set the same for all web hosts",
        )
    if {*_additions(member)} != {*_additions(first)}:
        yield Finding("web_plugins", f"differs from {first.name}'s; set the same for all web hosts")
    for name in _SAME:
        here, there = site.value(member, name), site.value(first, name)
        if here != there:
            yield Finding(
                name,
                f"{_shown(here)} here and {_shown(there)} on {first.name}; "
                "set the same for all web hosts",
            )


def _shown(value: object) -> str:
    return "not set" if value in (None, "") else repr(value)


def _together(site: Site, member: Member) -> Iterator[Finding]:
    return checks.find(lambda name: site.value(member, name), loopback=site.loopback)


def _doubts(site: Site, member: Member) -> Iterator[Finding]:
    password = _password(site)
    if member.settings.web_redis_url and password and len(password) < LEAST_PASSWORD:
        yield Finding("redis_password", too_short(password, LEAST_PASSWORD))
    for each in _together(site, member):
        if not each.is_error:
            yield each


def _misplaced(member: Member) -> Iterator[Finding]:
    for name, value in member.settings.web_config.items():
        prop = SCHEMA.get(name)
        whole = prop is not None and prop.is_secret and not prop.is_cache
        data = as_data(value) if isinstance(value, str) else value
        if whole or any(secret_texts(data)):
            what = "is" if whole else "holds"
            yield Finding(name, f"{what} a secret in the inventory; set it in the web_secrets file")
    yield from checks.deprecated(member.settings.web_config, SCHEMA)


def _additions(member: Member) -> tuple[Addition, ...]:
    settings = member.settings
    return additions(settings.web_plugins, settings.web_requirements)
