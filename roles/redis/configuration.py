"""The site's part of Redis' configuration."""

from __future__ import annotations

import hashlib

from ..settings import Settings
from ..site import REDIS_SOCKET, REDIS_USER

ADMINISTRATOR = "/etc/redis/omero-web-admin.conf"
# What django-redis calls: reading, writing, MULTI, its scripts (incr and locks), FLUSHDB (clear)
# and INFO; nothing that looks through, configures or stops the whole server.
RIGHTS = (
    "~* -@all +@read +@write +@transaction +@connection -@dangerous -@scripting "
    "+flushdb +info +eval +evalsha +script|load"
)
_STEP = 1 << 10  # kilobytes in a megabyte


def text(settings: Settings, password: str | None, memory: int) -> str:
    """Sessions must survive a restart and a kill (append-only file), and are never dropped to make
    room (no eviction): a full Redis refuses new ones. `appendfsync always` would save the last
    second before a power cut too, but ends Redis where its disk is full.

    OMERO.web has a user of its own. `default` (plain redis-cli, and an OMERO.web configured before
    there was one) may do no more than that. memory: of the host, in kilobytes.
    """
    secret = "nopass" if password is None else f"#{digest(password)}"
    lines = [
        "# Written by the OMERO.web bundle; changes are overwritten.",
        f"bind {settings.redis_bind}",
        f"port {settings.redis_port}",
        f"unixsocket {REDIS_SOCKET}",
        "unixsocketperm 770",
        "protected-mode yes",
        "appendonly yes",
        "appendfsync everysec",
        f"maxmemory {settings.redis_maxmemory or f'{default_limit(memory)}mb'}",
        "maxmemory-policy noeviction",
        f"user {REDIS_USER} on {secret} {RIGHTS}",
        f"user default on {secret} {RIGHTS}",
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
