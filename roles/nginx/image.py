"""Run the NGINX role's install function for an image. The Dockerfile calls this module.

`./run pyinfra -y @local roles.nginx.image.install`
"""

from __future__ import annotations

from ..host_paths import (
    CONTAINER_RUN,
    NGINX_SITE,
    NGINX_TLS,
    OPS_COMMAND,
    PAGES,
    PUBLIC_CACHE,
)
from ..operations import image, packages
from ..operations.files import Link
from ..operations.sync import sync
from . import container, maintenance_page


def install() -> None:
    """Install NGINX, its directories and the command for planned maintenance."""
    packages.install(name="Install packages", names=(*packages.NGINX_IMAGE, *packages.INIT))
    sync(
        name="Write command",
        items=[maintenance_page.command(), Link(OPS_COMMAND, maintenance_page.SCRIPT)],
    )
    image.make_writable(
        name="Make directories",
        paths=[CONTAINER_RUN, container.TEMPORARY, maintenance_page.PLANNED, PUBLIC_CACHE],
        links={
            PAGES: f"{CONTAINER_RUN}/pages",
            NGINX_TLS: f"{CONTAINER_RUN}/tls",
            NGINX_SITE.rpartition("/")[0]: f"{CONTAINER_RUN}/sites",
        },
    )
