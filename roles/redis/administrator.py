"""Redis' user with every right, for root of a host and in a container."""

from __future__ import annotations

from ..host_paths import REDIS_ADMIN_SECRET, REDIS_COMMAND, REDIS_SOCKET
from ..operations.files import File
from .configuration import digest

USER = "omero-web-admin"
RIGHTS = "~* +@all"


def line(secret: str) -> str:
    """Return the line of Redis' configuration for the user with this secret."""
    return f"user {USER} on #{digest(secret)} {RIGHTS}\n"


def command() -> File:
    """Return the command that runs redis-cli as this user."""
    return File(
        REDIS_COMMAND,
        "#!/bin/sh\n"
        "# Written by the OMERO.web bundle: redis-cli with every right, for root.\n"
        f"REDISCLI_AUTH=$(cat {REDIS_ADMIN_SECRET}) || exit 1\n"
        "export REDISCLI_AUTH\n"
        f'exec redis-cli -s {REDIS_SOCKET} --user {USER} "$@"\n',
        mode="755",
    )
