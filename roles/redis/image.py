"""Run the Redis role's install function for an image. The Dockerfile calls this module.

`./run pyinfra -y @local roles.redis.image.install`
"""

from __future__ import annotations

from omeroweb_ops.container import keys
from pyinfra.operations import server

from ..host_paths import CONTAINER_RUN, REDIS_ADMIN_SECRET, REDIS_CONFIGURATION, REDIS_DATA
from ..operations import image, packages
from ..operations.sync import sync
from . import administrator
from .configuration import DATA, MAIN

LOGS = "/var/log/redis"  # Debian's


def install() -> None:
    """Install Redis, its directories and the administrator's command."""
    packages.install(name="Install packages", names=(*packages.REDIS, *packages.INIT))
    sync(name="Write command", items=[administrator.command()])
    image.make_writable(
        name="Make directories",
        paths=[CONTAINER_RUN, DATA, str(keys.KEYS)],
        links={
            REDIS_CONFIGURATION: f"{CONTAINER_RUN}/redis",
            REDIS_DATA: CONTAINER_RUN,
            LOGS: CONTAINER_RUN,  # Redis tries the file that Debian's configuration names
            REDIS_ADMIN_SECRET: f"{CONTAINER_RUN}/redis-admin",
        },
    )
    server.shell(
        name="Let any user read Debian's configuration",
        commands=[f"chmod 755 {MAIN.rpartition('/')[0]} && chmod 644 {MAIN}"],
    )
