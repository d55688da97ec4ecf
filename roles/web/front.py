"""OMERO.web where NGINX is on another host: its addresses are trusted, and they alone get in."""

from __future__ import annotations

from collections.abc import Generator
from ipaddress import ip_address
from pathlib import Path

import jinja2
from pyinfra import host
from pyinfra.api import operation

from ..facts import YesOrNo
from ..items import Absent, Directory, File, Item
from ..services import STAMPS
from ..site import LOCATIONS, PORT, USER, Member, Site
from ..survey import Survey

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
PROXIES = str(LOCATIONS.proxies)
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


def is_guarded(site: Site, member: Member, survey: Survey) -> bool:
    """Whether the port is closed here: NGINX is elsewhere, and the kernel's filter can be set."""
    return site.front_elsewhere(member) and survey.nft


def items(site: Site, member: Member, survey: Survey) -> list[Item]:
    """NGINX's addresses, which gunicorn trusts, and the rules that let nobody else in."""
    found = {each for name in site.fronts(member) for each in survey.addresses.get(name, ())}
    addresses = sorted(found)
    lines = "".join(f"{each}\n" for each in addresses)
    trusted = File(PROXIES, lines, f"root:{USER}", "640") if lines else Absent(PROXIES)
    if not is_guarded(site, member, survey):
        return [trusted, Absent(RULES, undo=_OPEN)]
    rules = _TEMPLATES.get_template("firewall.nft.j2").render(
        table=_TABLE,
        port=site.effective(member, PORT),
        ipv4=[each for each in addresses if ip_address(each).version == 4],
        ipv6=[each for each in addresses if ip_address(each).version == 6],
    )
    unit = _TEMPLATES.get_template("firewall.service.j2").render(table=_TABLE, rules=RULES)
    persistent: list[Item] = [
        File(UNIT, unit),
        Directory(str(Path(_DROP_IN).parent)),
        File(_DROP_IN, _AGAIN),
    ]
    return [trusted, File(RULES, rules), *(persistent if survey.systemd else [])]


class IsClosed(YesOrNo):
    """Whether the rules are loaded as they were left, and will be at the next boot."""

    def command(self) -> str:
        return f'[ "$(cat {_STAMP} 2> /dev/null)" = "$({_STATE})" ] && echo yes || true'


@operation()
def guarded(manager: str) -> Generator[str, None, None]:
    """The rules are loaded, under systemd at boot too.

    + manager: `systemd` or `supervisor`
    """
    if not host.get_fact(IsClosed):
        yield (
            f"{_CLOSE[manager]} && mkdir -p {STAMPS} && {_STATE} > {_STAMP}.new && "
            f"mv -f {_STAMP}.new {_STAMP}"
        )
