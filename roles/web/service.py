"""OMERO.web's service, and the one that watches it."""

from __future__ import annotations

from omeroweb_ops.locations import BASE, CURRENT

from ..conventions import LOCATIONS, USER
from ..host_paths import (
    GUNICORN_CONFIGURATION,
    LIVENESS_COMMAND,
    OPS_COMMAND,
    RELEASE_COMMAND,
    SERVICE_COMMAND,
    WEB_PROGRAM,
    WEB_SERVICE,
    WEB_SOCKET,
)
from ..inventory.settings import Settings
from ..operations import shell_file
from ..operations.privilege import limited, run_as_user, with_functions
from ..operations.services import Service
from .release import Release
from .sandbox import ENVIRONMENT

_BACK = (
    "echo 'OMERO.web does not serve with this change; back to what served before:'; "
    f"{RELEASE_COMMAND} back"
)
# Workers are asked as who wrote their files, and not for long: anything may lie there.
_WORKERS = shell_file.command(shell_file.read(__file__, "has_loaded.sh"), LOCATIONS.workers)
_LOADED = (
    f'printf "%s\n" "$now" | {{ {limited(run_as_user(USER, _WORKERS), seconds=10)}\n}} > /dev/null'
)
_PRESENT = (
    f'echo "$(basename "$(readlink -f {CURRENT})") '
    f'$(timeout -k 5 60 {OPS_COMMAND} config digest | head -c 64)"'
)
_LOG = with_functions(shell_file.command(shell_file.read(__file__, "show_log.sh"), OPS_COMMAND))
_READY = limited(f"{OPS_COMMAND} ready --timeout 60 --current", seconds=90)
_SECONDS_MORE = 5  # for what comes after the last request


def omero_web(target: Release, settings: Settings, manager: str, *, socket: bool) -> Service:
    """gunicorn in the foreground.

    Under systemd another release is handed over to like another setting; supervisor knows its own
    child alone, so that another release is a restart there.

    socket: systemd holds the one by which NGINX on the same host comes.
    """
    handed_over = manager == "systemd"
    read_at_start = f"cat {GUNICORN_CONFIGURATION}; echo {target.name}"
    return Service(
        name="omero-web",
        command=f"{CURRENT}/bin/gunicorn --config {GUNICORN_CONFIGURATION} "
        "omeroweb.wsgi:application",
        user=USER,
        environment=(*ENVIRONMENT, ("TMPDIR", "/var/tmp")),  # uploads: /tmp may be in memory
        directory=str(BASE),
        umask="027",
        restart_on=f"cat {WEB_SERVICE} {WEB_SOCKET} {WEB_PROGRAM}; "
        + ("true" if handed_over else read_at_start),
        reload_on=f"{_PRESENT}; cat {LOCATIONS.proxies}; {read_at_start}",
        loaded=_LOADED,
        stop_seconds=settings.web_graceful_timeout + _SECONDS_MORE,
        ready=f"{{ {_READY}\n}} && {RELEASE_COMMAND} seen",
        log=_LOG,
        back=_BACK,
        again=f"{SERVICE_COMMAND} reload",
        socket=socket,
    )


def liveness() -> Service:
    """Ends an OMERO.web that hangs, as its own user; where systemd runs, that is its watchdog's."""
    return Service(
        name="omero-web-liveness",
        command=LIVENESS_COMMAND,
        user=USER,
        restart_on=f"cat {LIVENESS_COMMAND}",
    )
