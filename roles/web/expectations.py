"""Write the doctor's expectations of the whole site, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from omeroweb_ops.shared.addresses import url_host
from omeroweb_ops.shared.expectations import Expectations

from ..conventions import LOCATIONS, NGINX_STATUS
from ..inventory.acme import AcmeCertificate
from ..inventory.settings import Certificate
from ..operations.files import Absent, File
from ..target import Target, urls

_KINDS: Mapping[type, str] = {AcmeCertificate: "acme", Certificate: "certificate"}


def expected(target: Target) -> File:
    """Return the file for one web host."""
    return File(str(LOCATIONS.site), _expected(target).dump())


def public_url(target: Target) -> str | None:
    """Return the URL that the doctor of one web host checks, or None if it is not known."""
    return _expected(target).url


def nginx_status(target: Target) -> File | Absent:
    """Return the file with the port, the path and the name of NGINX's status page on this host."""
    path, names = str(LOCATIONS.nginx_status), target.member.server_names
    if "nginx" not in target.groups:
        return Absent(path)
    name = next((each for each in names if "*" not in each and each[0] not in "~_."), "localhost")
    port = target.settings.nginx_http_port
    return File(path, f"{port} {NGINX_STATUS} {url_host(name)}\n")


def _expected(target: Target) -> Expectations:
    origins = target.application.cors_origins
    fronts = target.site.group("nginx")
    if not fronts:
        return Expectations(cors_origins=origins)
    front = fronts[0]
    settings = front.settings
    # the address of an NGINX on another host without a name is only in that host's survey
    known = front is target.member or settings.nginx_server_name or front.address
    given = settings.nginx_tls
    tls = given if isinstance(given, str) else _KINDS[type(given)]
    return Expectations(
        url=urls.public_url(replace(target, member=front)) if known else None,
        tls=tls,
        http_port=80 if tls == "off" else settings.nginx_http_port,
        cors_origins=origins,
    )
