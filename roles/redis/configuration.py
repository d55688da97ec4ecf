"""Generate the site's part of Redis' configuration."""

from __future__ import annotations

import hashlib

from ..conventions import REDIS_USER
from ..host_paths import REDIS_CONFIGURATION, REDIS_SOCKET
from ..inventory.settings import Settings

# Only root may write on the way to it: redis owns /etc/redis and could place links there.
ADMINISTRATOR = f"{REDIS_CONFIGURATION}/admin.conf"
OWN = f"{REDIS_CONFIGURATION}/omero-web.conf"
MAIN, DATA = "/etc/redis/redis.conf", "/var/lib/redis"  # Debian's
# The commands that django-redis calls: reading, writing, MULTI, FLUSHDB (clear) and INFO. No
# command that lists, configures or stops the whole server, and no scripts: only `incr` and locks
# of django-redis run scripts, and OMERO.web calls neither.
RIGHTS = "~* -@all +@read +@write +@transaction +@connection -@dangerous -@scripting +flushdb +info"
# For other services that look up a visitor's session.
READING = "~* -@all +@read +@connection -@dangerous -@scripting"
_STEP = 1 << 10  # kilobytes in a megabyte


def text(settings: Settings, password: str | None, memory: int, *, takeover: bool = False) -> str:
    """Return the site's own part of Redis' configuration.

    Redis has no TCP port unless the site opens one, since every user of the host could reach it.
    OMERO.web has a user of its own; `default` is off, or may read with the password if a port is
    open. Sessions must survive a restart and a kill (append-only file), and are never dropped to
    make room (no eviction): a full Redis refuses new sessions. `appendfsync always` would also save
    the last second before a power cut, but ends Redis if its disk is full.

    memory: the host's, in kilobytes. takeover: an existing OMERO.web still uses Debian's port and
    the user `default` until its successor has started.
    """
    secret = "nopass" if password is None else f"#{digest(password)}"
    opened = settings.redis_has_port and password is not None
    former = takeover and not opened
    default = f"on {secret} {READING}" if opened else "off"
    lines = [
        "# Written by the OMERO.web bundle; changes are overwritten.",
        *([f"bind {settings.redis_addresses}"] if opened else []),
        f"port {settings.redis_tcp_port if opened else 6379 if former else 0}",
        *([] if opened or former else ["tls-port 0"]),  # a site may have TLS in redis.conf
        f"unixsocket {REDIS_SOCKET}",
        "unixsocketperm 660",
        "protected-mode yes",
        "appendonly yes",
        "appendfsync everysec",
        f"maxmemory {settings.redis_maxmemory or f'{default_limit(memory)}mb'}",
        "maxmemory-policy noeviction",
        f"user {REDIS_USER} on {secret} {RIGHTS}",
        f"user default {f'on nopass {RIGHTS}' if former else default}",
        f"include {ADMINISTRATOR}",
    ]
    return "\n".join(lines) + "\n"


def digest(password: str) -> str:
    """Return a password's SHA-256 digest, as Redis' ACL files have it."""
    return hashlib.sha256(password.encode()).hexdigest()


def default_limit(memory: int) -> int:
    """Return Redis' default limit in megabytes from the host's memory in kilobytes.

    The limit is a power of two between an eighth and a quarter of the memory, at least 64, so that
    it stays the same with another kernel, which may report a little less memory.
    """
    return max(64, 1 << max(memory // 4 // _STEP, 1).bit_length() - 1)
