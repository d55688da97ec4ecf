"""What `omeroweb-ops doctor` has to know of the site as a whole; nothing secret."""

from __future__ import annotations

from dataclasses import replace

from omeroweb_ops.shared.expectations import Expectations

from ..conventions import LOCATIONS
from ..inventory.settings import Certificate
from ..operations.files import File
from ..target import Target, urls


def expected(target: Target) -> File:
    """The file for one web host."""
    return File(str(LOCATIONS.site), _expected(target).dump())


def _expected(target: Target) -> Expectations:
    origins = target.application.cors_origins
    fronts = target.site.group("nginx")
    if not fronts:
        return Expectations(cors_origins=origins)
    front = fronts[0]
    settings = front.settings
    # an NGINX elsewhere without a name is known by its own survey alone
    known = front is target.member or settings.nginx_server_name or front.address
    tls = "certificate" if isinstance(settings.nginx_tls, Certificate) else settings.nginx_tls
    return Expectations(
        url=urls.public_url(replace(target, member=front)) if known else None,
        tls=tls,
        http_port=80 if tls == "off" else settings.nginx_http_port,
        cors_origins=origins,
    )
