"""Generate NGINX's configuration of the site."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from omeroweb_ops.locations import BASE, CURRENT, PREVIOUS
from omeroweb_ops.shared.addresses import url_host
from omeroweb_ops.shared.static_cache import STATIC_CACHE_VALID

from .. import host_paths
from ..conventions import FAIL_TIMEOUT, LOCATIONS, NGINX_STATUS, UPSTREAM, has_socket
from ..host_paths import PAGES
from ..inventory import tls_files
from ..inventory.nginx_lines import directives, header_names
from ..survey import Survey
from ..target import Target
from . import maintenance_page, public_site, request_policy
from .templating import TEMPLATES

CONNECTIONS, OPEN_FILES = 8192, 20_000  # a proxied request takes two, a temporary file a third

OMERO_WS = "/omero-ws"  # as in OME's servers and guides: wss://idr.openmicroscopy.org/omero-ws


@dataclass(frozen=True)
class Container:
    """What NGINX in a container has and NGINX on a host has not.

    upstream: the host name of OMERO.web's containers. resolvers: IP addresses of name servers.
    http_port, https_port: NGINX's own; the inventory's ports are the published ones. access_log:
    a path.
    """

    upstream: str
    resolvers: tuple[str, ...]
    http_port: int = 8080
    https_port: int = 8443
    access_log: str = "/dev/stdout"


def content(target: Target, container: Container | None = None) -> str:
    """Return the site's configuration, which follows OMERO.web's properties."""
    application = target.application
    root, folders = _static(target)
    return TEMPLATES.get_template("site.conf.j2").render(
        settings=target.settings,
        tls=target.settings.nginx_tls != "off",
        certificate=tls_files.paths(target.member).certificate,
        key=tls_files.paths(target.member).key,
        http2_directive=_has_http2_directive(target.survey),
        ipv6=target.survey.ipv6,
        server_name=target.settings.nginx_server_name or "_",
        upstreams=[] if container else _upstreams(target),
        fail_timeout=FAIL_TIMEOUT,
        prefix=application.prefix,
        static_url=application.static_url if application.nginx_serves_static else None,
        static_root=root,
        static_folders=folders,
        static_cache_valid=STATIC_CACHE_VALID,
        static_pattern=re.escape(application.static_url.rstrip("/")),
        timeout=application.timeout + 10,
        extra=application.extra_config,
        given=directives(application.extra_config),
        given_headers=header_names(application.extra_config),
        **request_policy.variables(target),
        **public_site.variables(target),
        omero_ws=_omero_ws(target.settings.nginx_omero_ws),
        pages=PAGES,
        status_path=NGINX_STATUS,
        planned=f"{maintenance_page.PLANNED}/planned",
        **(_of_container(target, container) if container else _of_host(target)),
        retry_after=maintenance_page.RETRY_AFTER,
        planned_retry_after=maintenance_page.PLANNED_RETRY_AFTER,
    )


def _of_host(target: Target) -> dict[str, Any]:
    settings, nginx = target.settings, target.survey.nginx
    return {
        "http_port": settings.nginx_http_port,
        "https_port": settings.nginx_https_port,
        "default_server": {
            (port, address): "" if address in taken else " default_server"
            for port in (settings.nginx_http_port, settings.nginx_https_port)
            for taken in (nginx.default_server(port, target.survey.existing.sites),)
            for address in ("*", "[::]")
        },
        "backend": "omero_web",
        "resolvers": (),
        "access_log": request_policy.ACCESS_LOG,
    }


def _of_container(target: Target, container: Container) -> dict[str, Any]:
    return {
        "http_port": container.http_port,
        "https_port": container.https_port,
        "default_server": defaultdict(lambda: " default_server"),
        "backend": "$omero_web_containers",
        "containers": f"{url_host(container.upstream)}:{target.application.port}",
        "resolvers": tuple(map(url_host, container.resolvers)),
        "access_log": container.access_log,
    }


def _omero_ws(url: str | None) -> dict[str, str] | None:
    """Return the websocket's path on the site, and OMERO.server's as `proxy_pass` needs it."""
    if url is None:
        return None
    scheme, _, address = url.partition("://")
    return {
        "path": OMERO_WS,
        "scheme": "https" if scheme == "wss" else "http",
        "address": address,
    }


def needs_delivery(target: Target) -> bool:
    """Return whether this NGINX serves the static files of another host."""
    return "web" not in target.groups and target.application.nginx_serves_static


def _static(target: Target) -> tuple[str, Sequence[str]]:
    """Return a directory, and its subdirectories: the active static files, then the previous."""
    if needs_delivery(target):
        return host_paths.STATIC_FILES, ("/current", "/previous")
    if target.application.static_root == str(LOCATIONS.static):
        return str(BASE), [f"/{each.name}/static" for each in (CURRENT, PREVIOUS)]
    return target.application.static_root.rstrip("/"), ("",)


def _upstreams(target: Target) -> list[str]:
    """Return NGINX's upstreams. OMERO.web on the same host has its manager's socket."""
    local = has_socket(target.groups)
    return [
        UPSTREAM if local and name == target.member.name else address
        for name, address in target.network.upstreams.items()
    ]


def _has_http2_directive(survey: Survey) -> bool:
    """Return whether NGINX is 1.25.1 or later, which warns of `listen … http2`.

    An NGINX that the deploy will install is that of the distribution.
    """
    if survey.nginx.version is not None:
        return survey.nginx.version >= (1, 25, 1)
    least = {"debian": (13,), "ubuntu": (25, 4)}.get(survey.id)
    version = tuple(int(part) for part in survey.version.split(".") if part.isdigit())
    return least is not None and version >= least
