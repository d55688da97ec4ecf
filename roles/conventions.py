"""Names that several roles share."""

from __future__ import annotations

from omeroweb_ops.locations import BASE, SOCKET, Locations

USER = "omero-web"  # the system user that OMERO.web runs as
# Its group in an image, as any uid of a container has it (OpenShift's convention).
IMAGE_GROUP = "root"
LOCATIONS = Locations(BASE / "OMERO.web", BASE / "state" / "desired.json")
REDIS_USER = "omero-web"  # in Redis

UPSTREAM = f"unix:{SOCKET}"  # in NGINX's syntax
NGINX_STATUS = "/omero-web-nginx-status"  # the path of NGINX's own figures
FAIL_TIMEOUT = 10  # seconds for which NGINX avoids a web host that refused a connection


def has_socket(groups: frozenset[str]) -> bool:
    """Return whether NGINX reaches OMERO.web on the same host via a socket of its manager."""
    return "nginx" in groups
