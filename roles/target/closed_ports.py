"""Ports of a host that some other hosts alone may reach.

OMERO.web's port is for NGINX on another host, and Redis' port for OMERO.web.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from omeroweb_ops.property_names import PORT

from ..inventory.site import Member, Site
from ..operations.firewall import ClosedPort
from ..survey import Survey


def closed_ports(site: Site, member: Member, survey: Survey) -> list[ClosedPort]:
    """Return the ports that are closed on a host; none where the filter cannot be set."""
    if not survey.nft:
        return []
    ports = []
    if "web" in member.groups and site.behind_remote_nginx(member):
        port = int(str(site.effective(member, PORT)))
        ports.append(_closed(port, addresses(site.remote_nginx_addresses(member), survey)))
    settings = member.settings
    if "redis" in member.groups and not settings.redis_is_local:
        allowed = [*addresses(site.redis_clients(member), survey), *settings.redis_allow]
        ports.append(_closed(settings.redis_tcp_port, allowed))
    return ports


def addresses(names: Iterable[str], survey: Survey) -> list[str]:
    """Return the IP addresses of hosts, as this one resolves their names."""
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
