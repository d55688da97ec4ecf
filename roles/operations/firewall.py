"""Ports that are for some hosts alone, in a table of the kernel's packet filter (nftables).

OMERO.web's port is for NGINX where that is on another host, and Redis' port for OMERO.web.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host
from pyinfra.api import operation

from ..host_paths import FIREWALL_DROP_IN, FIREWALL_RULES, FIREWALL_SERVICE, STAMPS
from .facts import BooleanFact
from .files import Absent, Directory, File, Item
from .templates import environment

_NAME = "omero-web-firewall"
# Debian's own service, where it is used, flushes all rules when it is started or reloaded.
_AGAIN = f"""# Written by the OMERO.web bundle; changes are overwritten.
[Service]
ExecStartPost=/usr/sbin/nft -f {FIREWALL_RULES}
ExecReload=/usr/sbin/nft -f {FIREWALL_RULES}
"""
_TABLE = "inet omero_web"
_STAMP = f"{STAMPS}/{_NAME}"
_TEMPLATES = environment(__file__)
# The table as it is loaded counts too: whoever flushes all rules takes it away.
_STATE = (
    f"{{ cat {FIREWALL_RULES} {FIREWALL_SERVICE} {FIREWALL_DROP_IN}; "
    f"nft list table {_TABLE}; systemctl is-enabled {_NAME}; "
    f"systemctl is-active {_NAME}; }} 2>&1 | sha256sum"
)
_OPEN = (
    f"{{ systemctl -q disable --now {_NAME}; nft delete table {_TABLE}; "
    f"rm -f {FIREWALL_SERVICE} {FIREWALL_DROP_IN} {_STAMP}; systemctl daemon-reload; "
    "} 2> /dev/null; true"
)
_CLOSE = {
    # the rules replace what is loaded in one step, a restart of the unit would not
    "systemd": f"nft -f {FIREWALL_RULES} && systemctl daemon-reload && "
    f"systemctl enable -q {_NAME} && systemctl start {_NAME}",
    "supervisor": f"nft -f {FIREWALL_RULES}",
}


@dataclass(frozen=True)
class ClosedPort:
    """A TCP port that the host itself and these addresses or networks may reach."""

    port: int
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


def items(ports: Sequence[ClosedPort], *, systemd: bool) -> list[Item]:
    """Return the files of all closed ports of a host, the same for each of its roles."""
    if not ports:
        return [Absent(FIREWALL_RULES, undo=_OPEN)]
    rules = _TEMPLATES.get_template("firewall.nft.j2").render(table=_TABLE, ports=ports)
    unit = _TEMPLATES.get_template("firewall.service.j2").render(table=_TABLE, rules=FIREWALL_RULES)
    persistent: list[Item] = [
        File(FIREWALL_SERVICE, unit),
        Directory(str(Path(FIREWALL_DROP_IN).parent)),
        File(FIREWALL_DROP_IN, _AGAIN),
    ]
    return [File(FIREWALL_RULES, rules), *(persistent if systemd else [])]


class IsLoaded(BooleanFact):
    """Whether the rules are loaded as they were left, and will be at the next boot."""

    def command(self) -> str:
        return f'[ "$(cat {_STAMP} 2> /dev/null)" = "$({_STATE})" ] && echo yes || true'


@operation()
def load(manager: str) -> Generator[str, None, None]:
    """The rules are loaded, under systemd at boot too.

    + manager: `systemd` or `supervisor`
    """
    if not host.get_fact(IsLoaded):
        yield (
            f"{_CLOSE[manager]} && mkdir -p {STAMPS} && {_STATE} > {_STAMP}.new && "
            f"mv -f {_STAMP}.new {_STAMP}"
        )
