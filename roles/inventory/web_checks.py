"""Resolve the URLs of web_checks against the site. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from omeroweb_ops.login_page import host_header
from omeroweb_ops.property_names import ALLOWED_HOSTS
from omeroweb_ops.shared.finding import Finding
from omeroweb_ops.site_checks import SiteCheck

from .member import Member
from .site import Site

_NAME = "web_checks"
_OPS, _ROBOTS = "/ops/", "/robots.txt"


def resolve(site: Site, member: Member) -> list[SiteCheck]:
    """Return the checks of a web host's OMERO.web, for valid settings."""
    name = host_header(site.value(member, ALLOWED_HOSTS) or ["*"])
    own = next((each for each in _names(site) if each != "_" and "*" not in each), name)
    scheme, prefix = "https" if site.tls else "http", site.application(member).prefix
    found = []
    for check in member.settings.web_checks:
        parts = urlsplit(check.url)
        if not parts.netloc:
            parts = parts._replace(path=_path(parts.path, prefix))
        path = parts._replace(scheme="", netloc="").geturl()
        found.append(
            SiteCheck(
                check.url,
                path,
                parts.netloc or own.lstrip("."),
                parts.scheme or scheme,
                check.status,
                check.text,
            )
        )
    return found


def errors(site: Site, member: Member) -> Iterator[Finding]:
    """Return the mistakes in the URLs that follow from the site's other settings."""
    if "web" not in member.groups or not member.settings.web_checks:
        return
    application, names = site.application(member), _names(site)
    for check in member.settings.web_checks:
        parts = urlsplit(check.url)
        if parts.netloc:
            host, known = (parts.hostname or "").lower(), [each.lower() for each in names]
            if names and "_" not in known and not any(_is_of(host, each) for each in known):
                yield Finding(
                    _NAME,
                    f"{check.url} is not of this site, whose name is {' '.join(names)}; write a "
                    'path. Example: {"url": "/gallery/"}',
                )
            elif not _is_below(parts.path or "/", application.prefix):
                yield Finding(
                    _NAME, f"{check.url} is not below the site's prefix {application.prefix}/"
                )
        path = _path(parts.path, application.prefix)
        below = path.removeprefix(application.prefix)
        static = site.group("nginx") and application.nginx_serves_static
        if (static and path.startswith(application.static_url)) or path == _ROBOTS:
            yield Finding(
                _NAME,
                f"{check.url} is NGINX's own, and web_checks asks OMERO.web; write the path of a "
                "page of OMERO.web or of a plugin",
            )
        elif below.startswith(_OPS):
            yield Finding(
                _NAME, f"{check.url} is the bundle's own page; a deploy waits for it anyway"
            )


def _names(site: Site) -> list[str]:
    return [name for each in site.group("nginx") for name in each.server_names]


def _is_of(host: str, name: str) -> bool:
    """Return whether a host is that of a name of NGINX's server_name."""
    if name.startswith(("*.", ".")):
        suffix = name.lstrip("*")
        return host.endswith(suffix) or f".{host}" == suffix
    return host == name


def _path(path: str, prefix: str) -> str:
    """Return a path of the site with the prefix."""
    return path if _is_below(path, prefix) else prefix + path


def _is_below(path: str, prefix: str) -> bool:
    return not prefix or path == prefix or path.startswith(f"{prefix}/")
