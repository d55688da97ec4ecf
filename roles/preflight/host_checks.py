"""Find errors and warnings in a host's survey, before anything is touched. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from omeroweb_ops.property_names import HOST, PORT
from omeroweb_ops.shared.addresses import is_ipv6, parse
from omeroweb_ops.shared.finding import Finding

from ..host_paths import SENDMAIL
from ..inventory import upgrade_notes
from ..operations import deploy_lock, omerodir
from ..survey import disks, existing_installation, existing_redis
from ..target import Target
from . import nginx_checks

NO_PRIVILEGE = (
    "the user is not root and cannot use sudo without a password; connect as root, use "
    "--use-sudo-password, or add a line like 'admin ALL=(ALL) NOPASSWD: ALL' to a file in "
    "/etc/sudoers.d"
)
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
    if not target.survey.namespaces:
        yield Finding(
            "system",
            "this container refuses the namespaces that the units of OMERO.web, NGINX and Redis "
            "need (systemd's status 226/NAMESPACE); allow nesting for it: on Proxmox `pct set ID "
            "--features nesting=1`, with Incus or LXD `security.nesting=true`, with LXC "
            "`lxc.include = /usr/share/lxc/config/nesting.conf`",
        )
    if target.survey.privilege == "none":
        yield Finding("privilege", NO_PRIVILEGE)
    if "nginx" in target.groups:
        yield from existing_installation.errors(target.survey.existing)
        yield from nginx_checks.errors(target)
    if "web" in target.groups:
        yield from _sendmail(target)
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
    if "nginx" in target.groups:
        yield from _upstreams(target)
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


def _sendmail(target: Target) -> Iterator[Finding]:
    """Yield an error if messages are for a mail server of the host, which has none."""
    notify = target.settings.web_notify
    missing = target.survey.prefetched.state(SENDMAIL) == "absent"
    if notify and notify.mail and notify.smtp is None and missing:
        yield Finding(
            "web_notify",
            f"this host has no {SENDMAIL}; install a mail server (for example postfix), "
            'or set smtp, for example {"smtp": "mail.example.org"}',
        )


def _upstreams(target: Target) -> Iterator[Finding]:
    """Yield an error for each OMERO.web on another host that this NGINX cannot reach."""
    for web in target.site.group("web"):
        name = web.address or ""
        if web is target.member or not name:
            continue
        found = [name] if parse(name) else target.survey.addresses.get(name, ())
        host = target.site.application(web).listens_on
        if not found:
            yield Finding(
                "address",
                f"{name}, the address of an OMERO.web, cannot be resolved on this host; "
                "set that host's IP address as its address",
            )
        elif all(map(is_ipv6, found)) and isinstance(parse(host), IPv4Address):
            yield Finding(
                HOST,
                f"{host} takes no IPv6 connections, and {name}, the address of {web.name}, is "
                f"{', '.join(found)}; set :: for {web.name}",
            )


def upgrade(target: Target) -> list[str]:
    """Return what a change of OMERO.web's version on a host asks of the administrator."""
    if "web" not in target.groups:
        return []
    after = upgrade_notes.locked(target.settings.web_requirements)
    return upgrade_notes.advice(upgrade_notes.parse(target.survey.omero_web), after)


def warnings(target: Target) -> Iterator[Finding]:
    """Yield the problems of a host that do not stop a deploy."""
    if "nginx" in target.groups:
        yield from nginx_checks.warnings(target)
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
