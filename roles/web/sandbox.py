"""Define the sandbox of OMERO.web's processes, for the service and for every command.

systemd.exec(5) describes each property. Two properties were tried and are not used. With
`PrivateUsers=`, each process that systemd starts gets its own user namespace, so that `ExecStop=`
and commands could not read gunicorn's /proc/PID/environ. `IPAddressDeny=169.254.169.254` would
block the name server in Google's clouds, which has the address of the metadata.
"""

from __future__ import annotations

import shlex

from omeroweb_ops.locations import BASE

from ..conventions import IMAGE_GROUP, LOCATIONS, USER
from ..operations import services
from ..operations.templates import environment

ENVIRONMENT = (
    ("OMERODIR", str(LOCATIONS.omerodir)),
    ("OMERO_USERDIR", f"{LOCATIONS.omerodir}/var/omero"),
    # Python imports nothing from the current directory, the script's directory or the user's home
    # (https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH, Python 3.11).
    ("PYTHONSAFEPATH", "1"),
    ("PYTHONNOUSERSITE", "1"),
)
# An image writes only to var.
IMAGE_ENVIRONMENT = (
    ("OMEROWEB_OPS_DESIRED", f"{LOCATIONS.omerodir}/var/desired.json"),
    ("TMPDIR", f"{LOCATIONS.omerodir}/var/tmp"),
)
_RESTRICTIONS = (
    *services.RESTRICTIONS,
    "CapabilityBoundingSet=",
    "DevicePolicy=closed",
    "LimitCORE=0",  # a core file would have passwords
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
# A command may also write the configuration, and read and write files that it gets as arguments.
WRITABLE = (f"{LOCATIONS.omerodir}/var", f"{LOCATIONS.omerodir}/etc/grid", "/tmp", "/var/tmp")
_TEMPLATES = environment(__file__)


def script(*, image: bool = False) -> str:
    """Return the shell script that runs a command as OMERO.web's user in the sandbox."""
    return _TEMPLATES.get_template("bin_sandbox.sh.j2").render(
        base=BASE,
        user=USER,
        group=IMAGE_GROUP if image else USER,
        image=image,
        environment=(*ENVIRONMENT, *(IMAGE_ENVIRONMENT if image else ())),
        properties=[shlex.quote(each) for each in COMMAND],
        writable=WRITABLE,
    )


def as_user(command: str, *writable: str) -> str:
    """Return shell that runs a command line as the service's user in the sandbox.

    The shell includes the script, because the host may not have it yet or may have another version.
    writable: more directories in which the command may write, if its user may.
    """
    options = "".join(f" --write {shlex.quote(each)}" for each in writable)
    return f"sh -c {shlex.quote(script())} sandbox{options} {command}"
