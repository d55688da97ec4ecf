"""What OMERO.web's processes may do on a host: one list for the service and for every command.

systemd.exec(5) describes each property. Left out after a trial: `PrivateUsers=` (each process that
systemd starts gets a user namespace of its own, so that neither `ExecStop=` nor a command may read
/proc/PID/environ of gunicorn) and `IPAddressDeny=169.254.169.254` (Google's clouds have their name
server at the address of the metadata).
"""

from __future__ import annotations

import shlex

from omeroweb_ops.locations import BASE

from ..conventions import LOCATIONS, USER
from ..operations import services
from ..operations.templates import environment

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
_TEMPLATES = environment(__file__)


def script(*, image: bool = False) -> str:
    """The shell script that runs a command as OMERO.web's user in the sandbox."""
    return _TEMPLATES.get_template("bin_sandbox.sh.j2").render(
        base=BASE,
        user=USER,
        environment=(*ENVIRONMENT, *(IMAGE_ENVIRONMENT if image else ())),
        properties=[shlex.quote(each) for each in COMMAND],
        writable=WRITABLE,
    )


def as_user(command: str, *writable: str) -> str:
    """Shell: a command line as the service's user, in the sandbox.

    The script itself is part of it: a host need not have it yet, and may have that of another
    version. writable: directories that the command may write besides, as far as its user may.
    """
    options = "".join(f" --write {shlex.quote(each)}" for each in writable)
    return f"sh -c {shlex.quote(script())} sandbox{options} {command}"
