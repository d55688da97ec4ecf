"""A site that is open to visitors without a login: what contradicts it in an inventory."""

from __future__ import annotations

from collections.abc import Iterator

from omeroweb_ops.property_names import PUBLIC_ENABLED
from omeroweb_ops.shared.finding import Finding

from .member import Member
from .site import Site


def errors(site: Site, member: Member) -> Iterator[Finding]:
    """Return the mistakes of one host's settings."""
    public = any(each.is_public for each in site.applications.values())
    if "nginx" in member.groups and member.settings.nginx_public_cache and not public:
        yield Finding(
            "nginx_public_cache",
            f"needs a public site, and {PUBLIC_ENABLED} is off: no visitor without a login sees an "
            f"image; set {PUBLIC_ENABLED} (docs/public-site.md), or take the setting out",
        )
