"""The addresses by which one host of a site reaches the others, and is reached by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omeroweb_ops.login_page import own_host
from omeroweb_ops.shared.addresses import url_host

from ..host_paths import REDIS_SOCKET
from .member import Member
from .web_application import WebApplication


@dataclass(frozen=True)
class Network:
    """One host's view of the other hosts.

    upstreams: host:port of every OMERO.web, by the host's name and in the order of the inventory.
    remote_nginx: addresses of every NGINX on another host. remote_web: addresses of every OMERO.web
    on another host.
    """

    upstreams: Mapping[str, str]
    remote_nginx: tuple[str, ...]
    remote_web: tuple[str, ...]


def network(
    member: Member,
    groups: Mapping[str, Sequence[Member]],
    applications: Mapping[str, WebApplication],
) -> Network:
    """Return the network of one host.

    groups: the hosts of each role. applications: OMERO.web of each web host, by the host's name.
    """
    return Network(
        upstreams={
            web.name: f"{_between(member, web, applications[web.name].listens_on)}:"
            f"{applications[web.name].port}"
            for web in groups["web"]
        },
        remote_nginx=_elsewhere(member, groups["nginx"]),
        remote_web=_elsewhere(member, groups["web"]),
    )


def redis_url(member: Member, hosts: Sequence[Member]) -> str | None:
    """Return the URL of the Redis that the bundle runs, without a database; None without one.

    member: the web host. hosts: those of the group redis, of which the first one is used.
    """
    for redis in hosts[:1]:
        if redis is member:
            return f"unix://{REDIS_SOCKET}"
        address = _between(member, redis, redis.settings.redis_addresses)
        return f"redis://{address}:{redis.settings.redis_tcp_port}"
    return None


def _elsewhere(member: Member, others: Sequence[Member]) -> tuple[str, ...]:
    return tuple(each.address or "" for each in others if each is not member)


def _between(source: Member, target: Member, listens_on: str) -> str:
    """Return the address by which `source` reaches a service of `target`, as URLs have it."""
    return url_host(own_host(listens_on) if source is target else target.address or "")
