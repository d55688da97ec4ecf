"""Where a site is found: its public URL, and the one of NGINX itself."""

from __future__ import annotations

from ..inventory.settings import Settings
from ..inventory.site import Member, Site
from ..survey import Survey


def public_url(site: Site, member: Member, survey: Survey) -> str:
    """Where visitors find OMERO.web; a proxy in front has the usual port."""
    scheme = "https" if site.tls else "http"
    port = "" if member.settings.nginx_behind_proxy else _port(member.settings)
    return f"{scheme}://{_name(site, member, survey)}{port}{_path(site)}"


def own_url(site: Site, member: Member, survey: Survey) -> str:
    """The same for NGINX itself, behind whatever proxy stands in front."""
    scheme, port = _scheme(member.settings), _port(member.settings)
    return f"{scheme}://{_name(site, member, survey)}{port}{_path(site)}"


def _name(site: Site, member: Member, survey: Survey) -> str:
    names = (member.settings.nginx_server_name or "").split()
    name = [each for each in names if "*" not in each and each != "_"][:1]
    local = "localhost" if member.name == "@local" else survey.ip
    host_name = name[0] if name else member.address or local or "localhost"
    return f"[{host_name}]" if ":" in host_name else host_name


def _path(site: Site) -> str:
    return site.prefix(site.group("web")[0]) + "/"


def _scheme(settings: Settings) -> str:
    return "http" if settings.nginx_tls == "off" else "https"


def port(settings: Settings) -> int:
    """The port that visitors use."""
    return settings.nginx_http_port if settings.nginx_tls == "off" else settings.nginx_https_port


def _port(settings: Settings) -> str:
    usual = 80 if settings.nginx_tls == "off" else 443
    return "" if port(settings) == usual else f":{port(settings)}"
