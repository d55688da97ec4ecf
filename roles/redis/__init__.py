"""Redis, where OMERO.web keeps its sessions and its cache."""

from __future__ import annotations

import os

from .. import host_paths
from ..conventions import USER
from ..host_paths import REDIS_DROP_IN, REDIS_SOCKET
from ..operations import firewall, packages, services, users
from ..operations.files import Absent, Directory, File, Item, sync
from ..operations.phases import role
from ..operations.privilege import limited, run_as_user
from ..survey import Survey
from ..target import Target
from ..target.closed_ports import closed_ports
from . import admin_user, configuration, legacy_files, memory_check
from .legacy_files import MAIN, READ_MAIN

CONFIGURATION = f"{host_paths.REDIS_CONFIGURATION}/omero-web.conf"
_LAST_LINES = "tail -n 20 /var/log/redis/redis-server.log"
# Debian's file stays as the package has it, or an upgrade of the package would ask about it; the
# site's own has the last word.
_COMMAND = f"/usr/bin/redis-server {MAIN} --include {CONFIGURATION}"


def service() -> services.Service:
    """Debian's own unit under systemd; the same command under supervisor."""
    return services.Service(
        name="redis-server",
        command=f"{_COMMAND} --supervised no --daemonize no",
        user="redis",
        restart_on=f"{READ_MAIN}; "
        f"cat {CONFIGURATION} {configuration.ADMINISTRATOR} {REDIS_DROP_IN}",
        # NOAUTH: it answers; before that it refuses, or loads the append-only file
        ready=f"( for _ in $(seq 300); do timeout 5 redis-cli -s {REDIS_SOCKET} ping 2>&1 | "
        "grep -qE 'PONG|NOAUTH' && exit; sleep 0.2; done; exit 1 )",
        log=limited(run_as_user("redis", _LAST_LINES), seconds=10, size=20_000),
    )


def is_taken_over(survey: Survey) -> bool:
    """Whether an OMERO.web that was installed otherwise uses a Redis that the bundle meets for the
    first time, without a password: one that has one is not opened for the time between."""
    new = survey.prefetched.state(CONFIGURATION) == "absent"
    return new and survey.existing.has_omero_web and "password" not in survey.redis


@role("Redis")
def install(manager: str) -> None:
    """The package; nothing of this site."""
    names = (*packages.REDIS, *packages.MANAGERS[manager])
    packages.install(name="Install packages", names=names)


@role("Redis")
def configure(target: Target, *, takeover: bool = False) -> None:
    """The site's own file, the socket's folder and who may enter it, and who may reach the port.

    takeover: an OMERO.web that was installed otherwise goes on with this Redis.
    """
    systemd = target.manager == "systemd"
    beside_web, ports = "web" in target.groups, closed_ports(target)
    if beside_web:
        users.create(name=f"Create user {USER}", uid=None)
    admin_user.create(name="Make administrator")
    text = configuration.text(
        target.settings, target.site.redis_password, target.survey.memory, takeover=takeover
    )
    sync(
        name="Write configuration",
        items=[
            # a socket takes the group of a folder like this one
            Directory(
                os.path.dirname(REDIS_SOCKET),
                f"redis:{USER if beside_web else 'redis'}",
                "2750",
            ),
            Directory(host_paths.REDIS_CONFIGURATION, "root:redis", "750"),
            File(CONFIGURATION, text, "root:redis", "640"),
            admin_user.command(),
            *(_systemd() if systemd else [service().program(), Absent(REDIS_DROP_IN)]),
            *firewall.items(ports, systemd=systemd),
        ],
    )
    if ports:
        firewall.load(name="Close port to others than OMERO.web", manager=target.manager)


@role("Redis")
def activate(manager: str) -> None:
    services.run(name="Run redis-server", service=service(), manager=manager)
    # once it runs with the site's own directory: a start before would have been without users
    legacy_files.remove(name="Remove former configuration")
    memory_check.warn_if_full(name="Look at its memory")


def _systemd() -> list[Item]:
    """Debian's unit with another command, and without a limit to how often it may come back."""
    return services.drop_in(
        REDIS_DROP_IN,
        "ExecStart=",
        f"ExecStart={_COMMAND} --supervised systemd --daemonize no",
        f"ReadWritePaths={os.path.dirname(REDIS_SOCKET)}",
    )
