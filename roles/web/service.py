"""Define OMERO.web's service and its watcher."""

from __future__ import annotations

from omeroweb_ops.locations import BASE, CURRENT
from omeroweb_ops.site_checks import REQUEST_TIMEOUT

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
    "echo 'OMERO.web does not start with this change; the last known good state is restored:'; "
    f"{RELEASE_COMMAND} back"
)
# The service's user reads the workers' files, with limits, because anything may be in them.
_WORKERS = shell_file.command(shell_file.read(__file__, "has_loaded.sh"), LOCATIONS.workers)
_LOADED = (
    f'printf "%s\n" "$now" | {{ {limited(run_as_user(USER, _WORKERS), seconds=10)}\n}} > /dev/null'
)
_PRESENT = (
    f'echo "$(basename "$(readlink -f {CURRENT})") '
    f'$(timeout -k 5 60 {OPS_COMMAND} config digest | head -c 64)"'
)
_LOG = with_functions(shell_file.command(shell_file.read(__file__, "show_log.sh"), OPS_COMMAND))
_READY = f"{OPS_COMMAND} ready --timeout 60 --current"
_READY_SECONDS = 90
_SECONDS_MORE = 5  # for the end of the processes after the last request


def omero_web(target: Release, settings: Settings, manager: str, *, socket: bool) -> Service:
    """Return OMERO.web's service, gunicorn in the foreground.

    Under systemd, another release is a zero-downtime reload, like a changed setting. Supervisor
    knows only its own child, so another release is a restart.

    socket: whether systemd holds the socket for NGINX on the same host.
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
        reload_on=f"{_PRESENT}; cat {LOCATIONS.proxies} {LOCATIONS.checks}; {read_at_start}",
        loaded=_LOADED,
        stop_seconds=settings.web_graceful_timeout + _SECONDS_MORE,
        ready=f"{{ {_ready(settings)}\n}} && {RELEASE_COMMAND} seen",
        log=_LOG,
        back=_BACK,
        again=f"{SERVICE_COMMAND} reload",
        socket=socket,
    )


def _ready(settings: Settings) -> str:
    """Return shell that waits for OMERO.web, and then checks the site's own pages."""
    checks = len(settings.web_checks)
    seconds = _READY_SECONDS + checks * int(REQUEST_TIMEOUT)
    return limited(f"{_READY} --checks" if checks else _READY, seconds=seconds)


def liveness() -> Service:
    """Return the watcher that ends an OMERO.web that hangs, instead of systemd's watchdog."""
    return Service(
        name="omero-web-liveness",
        command=LIVENESS_COMMAND,
        user=USER,
        restart_on=f"cat {LIVENESS_COMMAND}",
    )
