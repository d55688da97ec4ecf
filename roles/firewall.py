"""Ports that are for some hosts alone, in a table of the kernel's packet filter (nftables).

OMERO.web's port is for NGINX where that is on another host, and Redis' port for OMERO.web.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from pathlib import Path

import jinja2
from pyinfra import host
from pyinfra.api import operation

from .facts import YesOrNo
from .items import Absent, Directory, File, Item
from .services import STAMPS
from .site import PORT, Member, Site
from .survey import Survey

_NAME = "omero-web-firewall"
RULES = "/etc/omero-web.nft"
UNIT = f"/etc/systemd/system/{_NAME}.service"
# Debian's own service, where it is used, flushes all rules when it is started or reloaded.
_DROP_IN = f"/etc/systemd/system/nftables.service.d/{_NAME}.conf"
_AGAIN = f"""# Written by the OMERO.web bundle; changes are overwritten.
[Service]
ExecStartPost=/usr/sbin/nft -f {RULES}
ExecReload=/usr/sbin/nft -f {RULES}
"""
_TABLE = "inet omero_web"
_STAMP = f"{STAMPS}/{_NAME}"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
# The table as it is loaded counts too: whoever flushes all rules takes it away.
_STATE = (
    f"{{ cat {RULES} {UNIT} {_DROP_IN}; nft list table {_TABLE}; systemctl is-enabled {_NAME}; "
    f"systemctl is-active {_NAME}; }} 2>&1 | sha256sum"
)
_OPEN = (
    f"{{ systemctl -q disable --now {_NAME}; nft delete table {_TABLE}; "
    f"rm -f {UNIT} {_DROP_IN} {_STAMP}; systemctl daemon-reload; }} 2> /dev/null; true"
)
_CLOSE = {
    # the rules replace what is loaded in one step, a restart of the unit would not
    "systemd": f"nft -f {RULES} && systemctl daemon-reload && "
    f"systemctl enable -q {_NAME} && systemctl start {_NAME}",
    "supervisor": f"nft -f {RULES}",
}


@dataclass(frozen=True)
class ClosedPort:
    """A TCP port that the host itself and these addresses or networks may reach."""

    port: int
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


def closed_ports(site: Site, member: Member, survey: Survey) -> list[ClosedPort]:
    """Return the ports that are closed on a host; none where the filter cannot be set."""
    if not survey.nft:
        return []
    ports = []
    if "web" in member.groups and site.front_elsewhere(member):
        port = int(str(site.effective(member, PORT)))
        ports.append(_closed(port, addresses(site.fronts(member), survey)))
    settings = member.settings
    if "redis" in member.groups and not settings.redis_is_local:
        allowed = [*addresses(site.redis_clients(member), survey), *settings.redis_allow]
        ports.append(_closed(settings.redis_tcp_port, allowed))
    return ports


def addresses(names: Iterable[str], survey: Survey) -> list[str]:
    """Return the IP addresses of hosts, as this one resolves their names."""
    return sorted({each for name in names for each in survey.addresses.get(name, ())})


def items(site: Site, member: Member, survey: Survey) -> list[Item]:
    """Return the files of all closed ports of a host, the same for each of its roles."""
    ports = closed_ports(site, member, survey)
    if not ports:
        return [Absent(RULES, undo=_OPEN)]
    rules = _TEMPLATES.get_template("firewall.nft.j2").render(table=_TABLE, ports=ports)
    unit = _TEMPLATES.get_template("firewall.service.j2").render(table=_TABLE, rules=RULES)
    persistent: list[Item] = [
        File(UNIT, unit),
        Directory(str(Path(_DROP_IN).parent)),
        File(_DROP_IN, _AGAIN),
    ]
    return [File(RULES, rules), *(persistent if survey.systemd else [])]


def _closed(port: int, allowed: Iterable[str]) -> ClosedPort:
    networks = [ip_network(each) for each in allowed]
    # nft refuses a set in which one network contains another
    ipv4 = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
    ipv6 = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
    return ClosedPort(port, tuple(map(_shown, ipv4)), tuple(map(_shown, ipv6)))


def _shown(network: IPv4Network | IPv6Network) -> str:
    single = network.num_addresses == 1
    return str(network.network_address if single else network)


class IsLoaded(YesOrNo):
    """Whether the rules are loaded as they were left, and will be at the next boot."""

    def command(self) -> str:
        return f'[ "$(cat {_STAMP} 2> /dev/null)" = "$({_STATE})" ] && echo yes || true'


@operation()
def loaded(manager: str) -> Generator[str, None, None]:
    """The rules are loaded, under systemd at boot too.

    + manager: `systemd` or `supervisor`
    """
    if not host.get_fact(IsLoaded):
        yield (
            f"{_CLOSE[manager]} && mkdir -p {STAMPS} && {_STATE} > {_STAMP}.new && "
            f"mv -f {_STAMP}.new {_STAMP}"
        )
