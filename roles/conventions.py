"""Names that several roles share."""

from __future__ import annotations

from omeroweb_ops.locations import BASE, SOCKET, Locations

USER = "omero-web"  # the system user that OMERO.web runs as
LOCATIONS = Locations(BASE / "OMERO.web", BASE / "state" / "desired.json")
REDIS_USER = "omero-web"  # in Redis

UPSTREAM = f"unix:{SOCKET}"  # in NGINX's syntax
FAIL_TIMEOUT = 10  # seconds for which NGINX avoids a web host that refused a connection


def has_socket(groups: frozenset[str], manager: str) -> bool:
    """Return whether NGINX reaches OMERO.web on the same host via a socket unit of systemd."""
    return "nginx" in groups and manager == "systemd"
