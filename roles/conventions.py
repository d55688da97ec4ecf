"""Names that several roles share."""

from __future__ import annotations

from omeroweb_ops.locations import BASE, SOCKET, Locations

USER = "omero-web"  # of the system; OMERO.web runs as it
LOCATIONS = Locations(BASE / "OMERO.web", BASE / "state" / "desired.json")
REDIS_USER = "omero-web"  # in Redis

UPSTREAM = f"unix:{SOCKET}"  # as NGINX names it
FAIL_TIMEOUT = 10  # seconds for which NGINX asks other web hosts than one that refused it


def has_socket(groups: frozenset[str], manager: str) -> bool:
    """Whether NGINX reaches OMERO.web on the same host via a socket that systemd holds."""
    return "nginx" in groups and manager == "systemd"
