"""Names and paths on a host that several roles share."""

from __future__ import annotations

from pathlib import Path

from omeroweb_ops.locations import BASE, CURRENT, SOCKET, Locations

USER = "omero-web"  # of the system; OMERO.web runs as it
LOCATIONS = Locations(BASE / "OMERO.web", BASE / "state" / "desired.json")
CACHE = Path("/var/cache/omeroweb-ops")  # of what releases are built with
COLLECTED = f"{CURRENT}/collected"  # names what the static files were collected from
REDIS_SOCKET = "/var/lib/omero-web-redis/redis.sock"
REDIS_USER = "omero-web"  # in Redis

UPSTREAM = f"unix:{SOCKET}"  # as NGINX names it
FAIL_TIMEOUT = 10  # seconds for which NGINX asks other web hosts than one that refused it


def has_socket(groups: frozenset[str], manager: str) -> bool:
    """Whether NGINX reaches OMERO.web on the same host via a socket that systemd holds."""
    return "nginx" in groups and manager == "systemd"
