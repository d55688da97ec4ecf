"""Compute the ports of a host that only some other hosts may reach.

OMERO.web's port is for NGINX on another host, and Redis' port for OMERO.web.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from ..operations.firewall import ClosedPort
from ..survey import Survey
from . import Target


def closed_ports(target: Target) -> list[ClosedPort]:
    """Return the ports that are closed on a host; none if the packet filter cannot be set."""
    if not target.survey.nft:
        return []
    ports = []
    if "web" in target.groups and target.network.remote_nginx:
        allowed = addresses(target.network.remote_nginx, target.survey)
        ports.append(_closed(target.application.port, allowed))
    settings = target.settings
    if "redis" in target.groups and not settings.redis_is_local:
        allowed = [
            *addresses(target.network.remote_web, target.survey),
            *settings.redis_allow,
        ]
        ports.append(_closed(settings.redis_tcp_port, allowed))
    return ports


def addresses(names: Iterable[str], survey: Survey) -> list[str]:
    """Return the IP addresses of hosts, as the surveyed host resolves their names."""
    return sorted({each for name in names for each in survey.addresses.get(name, ())})


def _closed(port: int, allowed: Iterable[str]) -> ClosedPort:
    networks = [ip_network(each) for each in allowed]
    # nft refuses a set in which one network contains another
    ipv4 = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
    ipv6 = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
    return ClosedPort(port, tuple(map(_shown, ipv4)), tuple(map(_shown, ipv6)))


def _shown(network: IPv4Network | IPv6Network) -> str:
    single = network.num_addresses == 1
    return str(network.network_address if single else network)
