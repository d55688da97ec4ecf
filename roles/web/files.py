"""List every file that the web role writes, except the release itself."""

from __future__ import annotations

import shlex

from omeroweb_ops import site_checks
from omeroweb_ops.locations import BASE, SOCKET
from omeroweb_ops.notify.store import STATE
from omeroweb_ops.shared.setting_values import in_bytes
from omeroweb_ops.state.desired import Desired

from .. import host_paths
from ..conventions import LOCATIONS, USER
from ..host_paths import (
    DEPLOY_LOCK_COMMAND,
    FORMER_LIVENESS_COMMAND,
    FORMER_LIVENESS_PROGRAM,
    FORMER_LIVENESS_SERVICE,
    GUNICORN_CONFIGURATION,
    OMERO_COMMAND,
    OPS_COMMAND,
    RELEASE_COMMAND,
    SERVICE_COMMAND,
    STAMPS,
    WEB_CRON,
    WEB_PROGRAM,
    WEB_SERVICE,
    WEB_SOCKET,
    WEB_SUDOERS,
)
from ..inventory import web_checks
from ..inventory.settings import Settings
from ..operations import deploy_lock, privilege
from ..operations.files import Absent, File, Item, Link
from ..operations.prefetch import RELEASE_FILES
from ..operations.services import Service, Socket, cron
from ..operations.templates import environment
from ..target import Target
from . import sandbox
from .service import process_manager_file

_TEMPLATES = environment(__file__)


def upstream_command() -> Link:
    """Return the link at which scripts of sites and of the role ome.omero_web call `omero`."""
    return Link(f"{LOCATIONS.omerodir}/bin/omero", OMERO_COMMAND)


def commands(service: Service, settings: Settings, manager: str) -> list[Item]:
    """Return the commands for people and services, which are the same for equal settings."""

    def rendered(path: str, template: str, mode: str = "644") -> File:
        return _rendered(path, template, service, settings, manager, mode)

    return [
        File(
            DEPLOY_LOCK_COMMAND, deploy_lock.SCRIPT, mode="755"
        ),  # before the commands that use it
        rendered(OMERO_COMMAND, "bin_omero.sh.j2", "755"),
        rendered(OPS_COMMAND, "bin_omeroweb-ops.sh.j2", "755"),
        File(host_paths.SANDBOX_COMMAND, sandbox.script(image=manager == "image"), mode="755"),
        rendered(SERVICE_COMMAND, "bin_service.sh.j2", "755"),
        rendered(RELEASE_COMMAND, "bin_release.sh.j2", "755"),
        *([] if manager == "image" else [_support(service, settings, manager)]),
        rendered(GUNICORN_CONFIGURATION, "gunicorn.conf.py.j2"),
    ]


def _support(service: Service, settings: Settings, manager: str) -> File:
    names = shlex.quote(settings.nginx_server_name or "_")
    path, template = host_paths.SUPPORT_COMMAND, "bin_support.sh.j2"
    return _rendered(path, template, service, settings, manager, "755", names=names, state=STATE)


def site_items(target: Target, service: Service) -> list[Item]:
    """Return the services' units or programs, the daily jobs and the desired state."""
    manager, most = target.manager, target.settings.web_memory_max

    def rendered(path: str, template: str, mode: str = "644") -> File:
        return _rendered(
            path,
            template,
            service,
            target.settings,
            manager,
            mode,
            backs_off=target.survey.systemd_version >= 254,
            memory_max=most and in_bytes(most),
            nginx_group=target.survey.nginx.group,
        )

    units: list[Item] = [
        rendered(WEB_SERVICE, "omero-web.service.j2"),
        rendered(WEB_SOCKET, "omero-web.socket.j2")
        if service.socket
        else Absent(WEB_SOCKET, undo="systemctl -q disable --now omero-web.socket"),
        # an older bundle's; systemd has a watchdog
        Absent(
            FORMER_LIVENESS_SERVICE, undo="systemctl -q disable --now omero-web-liveness.service"
        ),
        Absent(FORMER_LIVENESS_COMMAND),
    ]
    nginx = target.survey.nginx.group
    programs: list[Item] = [
        # a watcher of an older bundle; the process manager has a watchdog
        Absent(
            FORMER_LIVENESS_PROGRAM,
            undo=f"rm -f {FORMER_LIVENESS_PROGRAM} && {{ supervisorctl -c "
            "/etc/supervisor/supervisord.conf update omero-web-liveness || true; }",
        ),
        Absent(FORMER_LIVENESS_COMMAND),
        process_manager_file(),
        service.program(Socket(str(SOCKET), f"{USER}:{nginx}") if service.socket else None),
        cron().program(),
    ]
    return [
        upstream_command(),
        rendered(WEB_SUDOERS, "sudoers.j2", "440"),
        rendered(WEB_CRON, "cron.j2"),
        *(units if manager == "systemd" else programs),
        *(
            Absent(each)
            for each in ([WEB_PROGRAM] if manager == "systemd" else [WEB_SERVICE, WEB_SOCKET])
        ),
        desired_state(target.site.desired(target.member)),
        _checks(target),
    ]


def _checks(target: Target) -> File | Absent:
    """Return the file of the pages that `omeroweb-ops ready --checks` requests."""
    path, found = str(LOCATIONS.checks), web_checks.resolve(target.site, target.member)
    if not found:
        return Absent(path)
    return File(path, site_checks.dump(found), f"root:{USER}", "640")


def desired_state(desired: Desired) -> File:
    """Return the file of the desired state of OMERO.web's configuration, including secrets."""
    return File(str(LOCATIONS.desired_state), desired.dump(), f"root:{USER}", "640")


def _rendered(
    path: str,
    template: str,
    service: Service,
    settings: Settings,
    manager: str,
    mode: str = "644",
    **more: object,
) -> File:
    text = _TEMPLATES.get_template(template).render(
        base=BASE,
        omerodir=LOCATIONS.omerodir,
        user=USER,
        service=service,
        socket=SOCKET,
        sandbox=sandbox,
        paths=host_paths,
        settings=settings,
        worker_memory=in_bytes(settings.web_worker_memory),
        manager=manager,
        release_files=RELEASE_FILES.rstrip(),
        stamps=STAMPS,
        privilege=privilege.FUNCTIONS.rstrip(),
        **more,
    )
    return File(path, text, mode=mode)
