"""The site's part of Redis' configuration."""

from __future__ import annotations

import hashlib

from ..conventions import REDIS_USER
from ..host_paths import REDIS_CONFIGURATION, REDIS_SOCKET
from ..inventory.settings import Settings

# Root's own, all the way up: /etc/redis belongs to redis, which could have links there.
ADMINISTRATOR = f"{REDIS_CONFIGURATION}/admin.conf"
# What django-redis calls: reading, writing, MULTI, FLUSHDB (clear) and INFO; nothing that looks
# through, configures or stops the whole server, and no scripts: its `incr` and locks alone have
# some, and OMERO.web calls neither.
RIGHTS = "~* -@all +@read +@write +@transaction +@connection -@dangerous -@scripting +flushdb +info"
# For services beside OMERO.web that look a visitor's session up.
READING = "~* -@all +@read +@connection -@dangerous -@scripting"
_STEP = 1 << 10  # kilobytes in a megabyte


def text(settings: Settings, password: str | None, memory: int, *, takeover: bool = False) -> str:
    """Return the site's own part of Redis' configuration.

    Redis has no TCP port unless the site opens one, since every user of the host could reach it.
    OMERO.web has a user of its own; `default` is off, or may read with the password where a port
    is open. Sessions must survive a restart and a kill (append-only file), and are never dropped to
    make room (no eviction): a full Redis refuses new ones. `appendfsync always` would save the last
    second before a power cut too, but ends Redis where its disk is full.

    memory: of the host, in kilobytes. takeover: an OMERO.web that was installed otherwise still
    comes by Debian's port and as `default`, until its successor has started.
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
    """As Redis keeps a password."""
    return hashlib.sha256(password.encode()).hexdigest()


def default_limit(memory: int) -> int:
    """Megabytes: a power of two between an eighth and a quarter of the host's kilobytes, so that
    another kernel, which counts a little less, is no change; 64 at least."""
    return max(64, 1 << max(memory // 4 // _STEP, 1).bit_length() - 1)
