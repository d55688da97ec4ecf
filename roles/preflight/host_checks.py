"""Find errors and warnings in a host's survey, before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from omeroweb_ops.property_names import PORT
from omeroweb_ops.shared.finding import Finding

from ..operations import deploy_lock, omerodir
from ..survey import disks, existing_installation, existing_redis
from ..target import Target

OLDEST_PYTHON = (3, 11)  # Pillow's security fixes need 3.11


def errors(target: Target) -> Iterator[Finding]:
    """Yield every reason why a deploy to a host is refused."""
    if not target.survey.is_debian:
        yield Finding(
            "system",
            f"must be Debian or Ubuntu, not {target.survey.id or 'unknown'}",
        )
    if "web" in target.groups and target.survey.python and target.survey.python < OLDEST_PYTHON:
        yield Finding(
            "system",
            f"python3 must be {'.'.join(map(str, OLDEST_PYTHON))} or newer, not "
            f"{'.'.join(map(str, target.survey.python))}; use Debian 12, Ubuntu 24.04, or newer",
        )
    if target.survey.lock.state not in ("free", "taken"):
        yield Finding(
            "deploy",
            f"{target.survey.lock.sentence}, and has not ended within "
            f"{deploy_lock.TIMEOUT / 60:.0f} minutes; check `ps` on the host, and deploy again",
        )
    if target.survey.privilege == "none":
        yield Finding(
            "privilege",
            "the user is not root and cannot use sudo without a password; connect as root, or add "
            "a line like 'admin ALL=(ALL) NOPASSWD: ALL' to a file in /etc/sudoers.d",
        )
    if "nginx" in target.groups:
        yield from existing_installation.errors(target.survey.existing)
    if "web" in target.groups:
        yield from existing_installation.unsafe_paths(target.survey.existing)
        if not target.survey.existing.link:
            yield from omerodir.links_below(target.survey.prefetched)
    yield from disks.errors(target.groups, target.survey.disks)
    if "web" in target.groups:
        for name in target.network.remote_nginx:
            if name not in target.survey.addresses:
                yield Finding(
                    "address",
                    f"{name}, the address of an NGINX, cannot be resolved on this host; "
                    "set that host's IP address as its address",
                )
    if "redis" in target.groups:
        yield from existing_redis.errors(target.settings, target.survey.redis)
        for name in () if target.settings.redis_is_local else target.network.remote_web:
            if name not in target.survey.addresses:
                yield Finding(
                    "address",
                    f"{name}, the address of an OMERO.web, cannot be resolved on this host; "
                    "set that host's IP address as its address",
                )
    for port, program, setting in target.site.ports(target.member):
        holder = target.survey.listeners.get(port)
        if holder is not None and program not in holder:
            yield Finding(
                setting,
                f"port {port} is used by {holder or 'a program that is not visible'}; "
                f"stop the program, or set another port in {setting}",
            )


def warnings(target: Target) -> Iterator[Finding]:
    """Yield the problems of a host that do not stop a deploy."""
    if "web" in target.groups and target.network.remote_nginx and not target.survey.nft:
        yield Finding(
            PORT,
            f"port {target.application.port} is open to every host; install nftables and "
            "deploy again, or allow only NGINX in a firewall of your own",
        )
    if "redis" in target.groups and not target.settings.redis_is_local and not target.survey.nft:
        yield Finding(
            "redis_bind",
            f"port {target.settings.redis_tcp_port} is open to every host; install nftables and "
            "deploy again, or allow only the web hosts in a firewall of your own",
        )
