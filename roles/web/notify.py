"""Write what reports the doctor's findings: settings, code, command and timer."""

from __future__ import annotations

import json
from pathlib import Path

import omeroweb_ops.notify
from omeroweb_ops.locations import BASE, PLANNED
from omeroweb_ops.notify.store import INTERVAL, STATE

from .. import host_paths
from ..host_paths import (
    NOTIFY_CODE,
    NOTIFY_COMMAND,
    NOTIFY_SERVICE,
    NOTIFY_SETTINGS,
    NOTIFY_TIMER,
)
from ..inventory import notify_checks
from ..operations import services
from ..operations.files import Absent, Directory, File, Item
from ..operations.services import Service
from ..operations.templates import environment
from ..target import Target
from . import expectations

_TEMPLATES = environment(__file__)
_CODE = Path(omeroweb_ops.notify.__file__).parent
# Root's sandbox: systemd asks for its capabilities before it starts the doctor's own sandbox, and a
# mail server's sendmail may need a group of its own, or deliver into a mailbox.
_RESTRICTIONS = {*services.RESTRICTIONS} - {"NoNewPrivileges=yes", "RestrictSUIDSGID=yes"}
SANDBOX = (
    *sorted(_RESTRICTIONS),
    "PrivateTmp=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
)
# Exim delivers in a process that sendmail leaves running.
OWN_MAIL = ("KillMode=process", "ProtectSystem=full")
STRICT = (
    "NoNewPrivileges=yes",
    "ProtectHome=yes",
    "ProtectSystem=strict",
    "RestrictSUIDSGID=yes",
)


def service() -> Service:
    """Return the timer, which systemd starts at boot."""
    return Service(name="omero-web-notify.timer", command="", restart_on=f"cat {NOTIFY_TIMER}")


def is_wanted(target: Target) -> bool:
    """Return whether somebody is notified about this host."""
    return target.settings.web_notify is not None


def items(target: Target) -> list[Item]:
    """Return the items that report, or their absence."""
    data = notify_checks.settings_data(target.site, target.member)
    paths = [f"{NOTIFY_CODE}/{each.name}" for each in sorted(_CODE.glob("*.py"))]
    units = (NOTIFY_SERVICE, NOTIFY_TIMER)
    if data is None:
        stopped = "systemctl -q disable --now omero-web-notify.timer 2> /dev/null || true"
        return [
            Absent(NOTIFY_TIMER, undo=stopped),
            Absent(NOTIFY_SERVICE),
            *map(Absent, (NOTIFY_COMMAND, NOTIFY_SETTINGS, str(STATE), *paths)),
        ]
    command = _TEMPLATES.get_template("bin_notify.sh.j2").render(
        base=BASE, paths=host_paths, planned=PLANNED, state=STATE
    )
    data["site"] = data["url"] or expectations.public_url(target)
    written: list[Item] = [
        File(NOTIFY_SETTINGS, json.dumps(data, indent=1) + "\n", mode="600"),
        Directory(NOTIFY_CODE),
        *(File(path, (_CODE / Path(path).name).read_text("utf-8")) for path in paths),
        File(NOTIFY_COMMAND, command, mode="755"),
    ]
    if target.manager != "systemd":
        return [*written, *map(Absent, units)]  # cron runs it
    own = data["mail"] and data["smtp"] is None
    sandbox = [*SANDBOX, *(OWN_MAIL if own else STRICT)]
    return [*written, *(_unit(path, sandbox, state=STATE.parent) for path in units)]


def _unit(path: str, sandbox: list[str], state: Path) -> File:
    text = _TEMPLATES.get_template(f"{Path(path).name}.j2").render(
        paths=host_paths, sandbox=sandbox, state=state, interval=int(INTERVAL)
    )
    return File(path, text)
