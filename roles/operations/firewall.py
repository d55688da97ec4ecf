"""Close ports except to some hosts, with a table of the kernel's packet filter (nftables).

OMERO.web's port is open to NGINX on other hosts only, Redis' port to OMERO.web only.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api import operation

from ..host_paths import FIREWALL_DROP_IN, FIREWALL_RULES, FIREWALL_SERVICE, STAMPS
from . import known_facts
from .facts import BooleanFact
from .files import Absent, Directory, File, Item
from .templates import environment

_NAME = "omero-web-firewall"
# Debian's own service, if it is used, flushes all rules when it starts or reloads.
_AGAIN = f"""# Written by the OMERO.web bundle; changes are overwritten.
[Service]
ExecStartPost=/usr/sbin/nft -f {FIREWALL_RULES}
ExecReload=/usr/sbin/nft -f {FIREWALL_RULES}
"""
_TABLE = "inet omero_web"
_STAMP = f"{STAMPS}/{_NAME}"
_TEMPLATES = environment(__file__)
# The loaded table is part of the state: another program may have flushed all rules.
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
    # nft replaces the loaded rules atomically; a restart of the unit would not
    "systemd": f"nft -f {FIREWALL_RULES} && systemctl daemon-reload && "
    f"systemctl enable -q {_NAME} && systemctl start {_NAME}",
    "supervisor": f"nft -f {FIREWALL_RULES}",
}


@dataclass(frozen=True)
class ClosedPort:
    """A TCP port that only the host itself and these addresses or networks may reach."""

    port: int
    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]


def items(ports: Sequence[ClosedPort], *, systemd: bool) -> list[Item]:
    """Return the files for all closed ports of a host. They are the same for each of its roles."""
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
    """Whether the rules are loaded unchanged, and will be loaded at the next boot."""

    def command(self) -> str:
        return f'[ "$(cat {_STAMP} 2> /dev/null)" = "$({_STATE})" ] && echo yes || true'


QUESTION = known_facts.Question(IsLoaded)


@operation()
def load(manager: str) -> Generator[str, None, None]:
    """Load the rules, under systemd also at each boot.

    + manager: `systemd` or `supervisor`
    """
    if not known_facts.answer(QUESTION):
        yield (
            f"{_CLOSE[manager]} && mkdir -p {STAMPS} && {_STATE} > {_STAMP}.new && "
            f"mv -f {_STAMP}.new {_STAMP}"
        )
