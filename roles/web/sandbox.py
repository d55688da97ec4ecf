"""What OMERO.web's processes may do on a host: one list for the service and for every command.

systemd.exec(5) describes each property. Left out after a trial: `PrivateUsers=` (each process that
systemd starts gets a user namespace of its own, so that neither `ExecStop=` nor a command may read
/proc/PID/environ of gunicorn) and `IPAddressDeny=169.254.169.254` (Google's clouds have their name
server at the address of the metadata).
"""

from __future__ import annotations

import shlex
from pathlib import Path

import jinja2
from omeroweb_ops.locations import BASE

from .. import services
from ..site import LOCATIONS, USER

SANDBOX = f"{BASE}/bin/sandbox"
ENVIRONMENT = (
    ("OMERODIR", str(LOCATIONS.omerodir)),
    ("OMERO_USERDIR", f"{LOCATIONS.omerodir}/var/omero"),
    # Python imports nothing from the current directory, that of the script or the user's home
    # (https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH, Python 3.11).
    ("PYTHONSAFEPATH", "1"),
    ("PYTHONNOUSERSITE", "1"),
)
# All that is written in an image lies in var.
IMAGE_ENVIRONMENT = (
    ("OMEROWEB_OPS_DESIRED", f"{LOCATIONS.omerodir}/var/desired.json"),
    ("TMPDIR", f"{LOCATIONS.omerodir}/var/tmp"),
)
_RESTRICTIONS = (
    *services.RESTRICTIONS,
    "CapabilityBoundingSet=",
    "DevicePolicy=closed",
    "LimitCORE=0",  # a core file would hold passwords
    "MemoryDenyWriteExecute=yes",
    "ProtectProc=invisible",
    "ProtectSystem=strict",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "SystemCallFilter=@system-service",
)
SERVICE = (
    *sorted(_RESTRICTIONS),
    "PrivateTmp=yes",
    "ProcSubset=pid",
    "ProtectHome=yes",
    "RemoveIPC=yes",
    f"ReadWritePaths={LOCATIONS.omerodir}/var",
)
COMMAND = (*sorted(_RESTRICTIONS), "ProtectHome=read-only")
# A command may write the configuration too, and reads and writes files that it is given by name.
WRITABLE = (f"{LOCATIONS.omerodir}/var", f"{LOCATIONS.omerodir}/etc/grid", "/tmp", "/var/tmp")
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


def script(*, image: bool = False) -> str:
    """The shell script that runs a command as OMERO.web's user in the sandbox."""
    return _TEMPLATES.get_template("sandbox.j2").render(
        base=BASE,
        user=USER,
        environment=(*ENVIRONMENT, *(IMAGE_ENVIRONMENT if image else ())),
        properties=[shlex.quote(each) for each in COMMAND],
        writable=WRITABLE,
    )
