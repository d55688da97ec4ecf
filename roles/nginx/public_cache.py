"""Empty the cache of a public site: `./run pyinfra -y inventory.py roles.nginx.public_cache.empty`.

The work is done by the command that a deploy leaves on the host
(templates/omero-web-public-cache.j2).
"""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import config, host
from pyinfra.api import DeployError, StringCommand, operation

from ..host_paths import PUBLIC_CACHE_COMMAND
from ..operations.sync import read_states
from ..survey.fact import ask


def empty() -> None:
    """Remove what the NGINX hosts keep for visitors without a session.

    Raises DeployError if a host has no cache.
    """
    if "nginx" not in host.groups:
        return
    config.SUDO = ask(host).privilege == "sudo"
    (state,) = read_states((PUBLIC_CACHE_COMMAND,))
    if state == "absent":
        raise DeployError(f"{host.name}: there is no cache; set nginx_public_cache and deploy")
    empty_cache(name="Empty the public cache")


@operation(is_idempotent=False)
def empty_cache() -> Generator[StringCommand, None, None]:
    """The cache is empty."""
    yield StringCommand(PUBLIC_CACHE_COMMAND, "empty")
