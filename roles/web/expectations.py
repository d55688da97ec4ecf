"""Write the doctor's expectations of the whole site, without secrets."""

from __future__ import annotations

from dataclasses import replace

from omeroweb_ops.shared.expectations import Expectations

from ..conventions import LOCATIONS
from ..inventory.settings import Certificate
from ..operations.files import File
from ..target import Target, urls


def expected(target: Target) -> File:
    """Return the file for one web host."""
    return File(str(LOCATIONS.site), _expected(target).dump())


def _expected(target: Target) -> Expectations:
    origins = target.application.cors_origins
    fronts = target.site.group("nginx")
    if not fronts:
        return Expectations(cors_origins=origins)
    front = fronts[0]
    settings = front.settings
    # the address of an NGINX on another host without a name is only in that host's survey
    known = front is target.member or settings.nginx_server_name or front.address
    tls = "certificate" if isinstance(settings.nginx_tls, Certificate) else settings.nginx_tls
    return Expectations(
        url=urls.public_url(replace(target, member=front)) if known else None,
        tls=tls,
        http_port=80 if tls == "off" else settings.nginx_http_port,
        cors_origins=origins,
    )
