"""Compute a site's public URL and NGINX's own URL."""

from __future__ import annotations

from omeroweb_ops.shared.addresses import url_host

from ..inventory.settings import Settings
from . import Target


def public_url(target: Target) -> str:
    """Return the URL that visitors use. A proxy in front has the default port."""
    scheme = "https" if target.site.tls else "http"
    port = "" if target.settings.nginx_behind_proxy else _port(target.settings)
    return f"{scheme}://{host_name(target)}{port}{target.application.prefix}/"


def own_url(target: Target) -> str:
    """Return NGINX's own URL, behind a proxy in front."""
    scheme, port = _scheme(target.settings), _port(target.settings)
    return f"{scheme}://{host_name(target)}{port}{target.application.prefix}/"


def host_name(target: Target) -> str:
    """Return the host name in the site's URLs, of which an IPv6 address has brackets."""
    name = [each for each in target.member.server_names if "*" not in each and each != "_"][:1]
    local = "localhost" if target.member.name == "@local" else target.survey.ip
    return url_host(name[0] if name else target.member.address or local or "localhost")


def _scheme(settings: Settings) -> str:
    return "http" if settings.nginx_tls == "off" else "https"


def port(settings: Settings) -> int:
    """Return NGINX's port for visitors: the HTTPS port with TLS, else the HTTP port."""
    return settings.nginx_http_port if settings.nginx_tls == "off" else settings.nginx_https_port


def _port(settings: Settings) -> str:
    usual = 80 if settings.nginx_tls == "off" else 443
    return "" if port(settings) == usual else f":{port(settings)}"
