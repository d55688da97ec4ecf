"""Redis, where OMERO.web keeps its sessions and its cache."""

from __future__ import annotations

import re

from .. import packages, services
from ..items import File, line_present, settle
from ..phases import named
from ..settings import Settings

CONFIGURATION = "/etc/redis/omero-web.conf"
MAIN = "/etc/redis/redis.conf"


def service() -> services.Service:
    """Debian's own unit under systemd; the same command under supervisor."""
    return services.Service(
        name="redis-server",
        command=f"/usr/bin/redis-server {MAIN} --supervised no --daemonize no",
        user="redis",
        restart_on=f"cat {MAIN} {CONFIGURATION}",
    )


@named("Redis")
def install(manager: str) -> None:
    """The package; nothing of this site."""
    names = ["redis-server", *(["supervisor"] if manager == "supervisor" else [])]
    packages.installed(name="Install packages", names=names)


@named("Redis")
def configure(settings: Settings, password: str | None, manager: str) -> None:
    """The site's own file, included at the end of Debian's so that it has the last word."""
    items = [
        File(CONFIGURATION, configuration(settings, password), "redis:redis", "640"),
    ]
    if manager == "supervisor":
        items.append(service().program())
    settle(name="Write configuration", items=items)
    line_present(name="Include configuration", path=MAIN, line=f"include {CONFIGURATION}")


@named("Redis")
def activate(manager: str) -> None:
    services.running(name="Run redis-server", service=service(), manager=manager)


def configuration(settings: Settings, password: str | None) -> str:
    """The site's part of Redis' configuration.

    Sessions must survive a restart (append-only file) and must never be dropped to make room (no
    eviction): a full Redis refuses new ones instead.
    """
    lines = [
        "# Written by the OMERO.web bundle; changes are overwritten.",
        f"bind {settings.redis_bind}",
        f"port {settings.redis_port}",
        "protected-mode yes",
        "appendonly yes",
        "appendfsync everysec",
        "maxmemory-policy noeviction",
    ]
    if settings.redis_maxmemory:
        lines.append(f"maxmemory {settings.redis_maxmemory}")
    if password:
        lines.append("requirepass " + _quoted(password))
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A value in redis.conf's double quotes."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + re.sub(r"[\x00-\x1f]", lambda found: f"\\x{ord(found[0]):02x}", text) + '"'
