"""Deploy Redis, which keeps OMERO.web's sessions and cache."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from .. import host_paths
from ..conventions import USER
from ..host_paths import REDIS_DROP_IN, REDIS_SOCKET
from ..operations import firewall, known_facts, packages, services, users
from ..operations.files import Absent, Directory, File, Item
from ..operations.phases import role
from ..operations.privilege import limited, run_as_user
from ..operations.sync import sync
from ..survey import Survey
from ..target import Target
from ..target.closed_ports import closed_ports
from . import admin_user, administrator, configuration, legacy_files, memory_check
from .configuration import MAIN, OWN
from .legacy_files import READ_MAIN

_LAST_LINES = "tail -n 20 /var/log/redis/redis-server.log"
# Debian's file stays unchanged, because a package upgrade would ask about a change. The site's own
# file is read last.
_COMMAND = f"/usr/bin/redis-server {MAIN} --include {OWN}"


def service() -> services.Service:
    """Return Redis' service: Debian's unit under systemd, the same command under supervisor."""
    return services.Service(
        name="redis-server",
        command=f"{_COMMAND} --supervised no --daemonize no",
        user="redis",
        restart_on=f"{READ_MAIN}; cat {OWN} {configuration.ADMINISTRATOR} {REDIS_DROP_IN}",
        # NOAUTH means that Redis answers; before, it refuses, or loads the append-only file
        ready=f"( for _ in $(seq 300); do timeout 5 redis-cli -s {REDIS_SOCKET} ping 2>&1 | "
        "grep -qE 'PONG|NOAUTH' && exit; sleep 0.2; done; exit 1 )",
        log=limited(run_as_user("redis", _LAST_LINES), seconds=10, size=20_000),
    )


def is_taken_over(survey: Survey) -> bool:
    """Return whether Redis must stay open for an existing OMERO.web until its successor starts.

    That is on the first deploy only, and only if Redis has no password.
    """
    new = survey.prefetched.state(OWN) == "absent"
    return new and survey.existing.has_omero_web and "password" not in survey.redis


def package_names(target: Target) -> tuple[str, ...]:
    """Return the packages that this role needs on a host."""
    return (*packages.REDIS, *packages.MANAGERS[target.manager]) if "redis" in target.groups else ()


def questions(target: Target) -> Iterator[known_facts.Question[Any]]:
    """Yield the questions of an idle deploy to a host."""
    if "redis" in target.groups:
        yield from (admin_user.QUESTION, legacy_files.QUESTION, memory_check.QUESTION)
        yield services.question(service(), target.manager)
        if closed_ports(target):
            yield firewall.QUESTION


@role("Redis")
def configure(target: Target, *, takeover: bool = False) -> None:
    """Write the site's configuration, the socket's directory and the port's firewall rules.

    takeover: an existing OMERO.web still uses this Redis.
    """
    systemd = target.manager == "systemd"
    beside_web, ports = "web" in target.groups, closed_ports(target)
    if beside_web:
        users.create(name=f"Create user {USER}", uid=None)
    admin_user.create(name="Create administrator")
    text = configuration.text(
        target.settings, target.site.redis_password, target.survey.memory, takeover=takeover
    )
    sync(
        name="Write configuration",
        items=[
            # a socket inherits the group of a setgid directory
            Directory(
                os.path.dirname(REDIS_SOCKET),
                f"redis:{USER if beside_web else 'redis'}",
                "2750",
            ),
            Directory(host_paths.REDIS_CONFIGURATION, "root:redis", "750"),
            File(OWN, text, "root:redis", "640"),
            administrator.command(),
            *(_systemd() if systemd else [service().program(), Absent(REDIS_DROP_IN)]),
            *firewall.items(ports, systemd=systemd),
        ],
    )
    if ports:
        firewall.load(name="Close port except to OMERO.web", manager=target.manager)


@role("Redis")
def activate(manager: str) -> None:
    services.run(name="Run redis-server", service=service(), manager=manager)
    # only after it runs with the new directory: an earlier start would have had no users
    legacy_files.remove(name="Remove former configuration")
    memory_check.warn_if_full(name="Check memory")


def _systemd() -> list[Item]:
    """Return a drop-in for Debian's unit: another command, and no limit to restarts."""
    return services.drop_in(
        REDIS_DROP_IN,
        "ExecStart=",
        f"ExecStart={_COMMAND} --supervised systemd --daemonize no",
        f"ReadWritePaths={os.path.dirname(REDIS_SOCKET)}",
    )
