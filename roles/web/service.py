"""Define OMERO.web's service."""

from __future__ import annotations

from pathlib import Path

from omeroweb_ops.locations import BASE, CURRENT, LIVENESS
from omeroweb_ops.site_checks import REQUEST_TIMEOUT

from ..conventions import LOCATIONS, USER
from ..host_paths import (
    GUNICORN_CONFIGURATION,
    OPS_COMMAND,
    PROCESS_MANAGER,
    RELEASE_COMMAND,
    SERVICE_COMMAND,
    WEB_PROGRAM,
    WEB_SERVICE,
    WEB_SOCKET,
)
from ..inventory.settings import Settings
from ..operations import shell_file
from ..operations.files import File
from ..operations.privilege import limited, run_as_user, with_functions
from ..operations.services import Service
from . import process_manager
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
_GUNICORN = f"{CURRENT}/bin/gunicorn --config {GUNICORN_CONFIGURATION} omeroweb.wsgi:application"
_UNITS = f"{WEB_SERVICE} {WEB_SOCKET} {WEB_PROGRAM}"


def omero_web(target: Release, settings: Settings, manager: str, *, socket: bool) -> Service:
    """Return OMERO.web's service, gunicorn in the foreground.

    Another release is a zero-downtime reload, like a changed setting. supervisor knows only its own
    child, which is the process manager there.

    socket: whether the manager holds the socket for NGINX on the same host.
    """
    supervised = manager == "supervisor"
    stop_seconds = settings.web_graceful_timeout + _SECONDS_MORE
    return Service(
        name="omero-web",
        command=f"{PROCESS_MANAGER} {stop_seconds}" if supervised else _GUNICORN,
        user=USER,
        environment=(
            *ENVIRONMENT,
            ("TMPDIR", "/var/tmp"),  # uploads: /tmp may be in memory
            *(_supervised(settings) if supervised else ()),
        ),
        directory=str(BASE),
        umask="027",
        restart_on=f"cat {_UNITS} {PROCESS_MANAGER}" if supervised else f"cat {_UNITS}; true",
        reload_on=f"{_PRESENT}; cat {LOCATIONS.proxies} {LOCATIONS.checks}; "
        f"cat {GUNICORN_CONFIGURATION}; echo {target.name}",
        loaded=_LOADED,
        # supervisor would end the process manager before the processes that it waits for
        stop_seconds=stop_seconds + (_SECONDS_MORE if supervised else 0),
        ready=f"{{ {_ready(settings)}\n}} && {RELEASE_COMMAND} seen",
        log=_LOG,
        back=_BACK,
        again=f"{SERVICE_COMMAND} reload",
        hand_over=f"{SERVICE_COMMAND} hand-over" if supervised else "",
        socket=socket,
    )


def _ready(settings: Settings) -> str:
    """Return shell that waits for OMERO.web, and then checks the site's own pages."""
    checks = len(settings.web_checks)
    seconds = _READY_SECONDS + checks * int(REQUEST_TIMEOUT)
    return limited(f"{_READY} --checks" if checks else _READY, seconds=seconds)


def _supervised(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the variables of the process manager and of its watchdog; see the systemd unit."""
    return (
        (LIVENESS, str(settings.web_liveness)),
        (process_manager.COMMAND, _GUNICORN),
    )


def process_manager_file() -> File:
    """Return the process manager's script."""
    text = Path(process_manager.__file__).read_text("utf-8")
    return File(PROCESS_MANAGER, text, mode="755")
