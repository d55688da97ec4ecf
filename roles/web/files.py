"""Every file that the web role writes, apart from the release itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jinja2
from omeroweb_ops.locations import BASE, RELEASES, SOCKET
from omeroweb_ops.state.desired import Desired, Finding

from .. import deploy_lock
from ..items import Absent, Directory, File, Item, Link
from ..privilege import printable
from ..services import STAMPS, Service, cron
from ..settings import Settings
from ..site import LOCATIONS, USER, Member, Site
from ..survey import Survey
from ..told import Told, has_all
from ..values import in_bytes
from . import sandbox

OMERO = "/usr/local/bin/omero"
OPS = "/usr/local/bin/omeroweb-ops"
RELEASE = f"{BASE}/bin/release"
DEPLOY_LOCK = f"{BASE}/bin/deploy-lock"
GUNICORN = f"{BASE}/gunicorn.conf.py"
LIVENESS = f"{BASE}/bin/liveness"
UNIT = "/etc/systemd/system/omero-web.service"
SOCKET_UNIT = "/etc/systemd/system/omero-web.socket"
LIVENESS_UNIT = "/etc/systemd/system/omero-web-liveness.service"
PROGRAM = "/etc/supervisor/conf.d/omero-web.conf"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


def directories(*, image: bool = False) -> list[Item]:
    """OMERODIR is root's; the service writes var, and people who set properties etc/grid.

    In an image everything that is written lies in var, the rest may be read-only.
    """
    root = LOCATIONS.omerodir
    own = f"{USER}:{USER}"

    def below(path: Path, mode: str) -> Directory:
        return Directory(str(path), own, mode, run_as=USER)

    return [
        Directory(str(BASE)),
        Directory(str(BASE / "bin")),
        Directory(str(RELEASES)),
        Directory(str(BASE / "state"), f"root:{USER}", "750"),
        Directory(str(root)),
        Directory(str(root / "bin")),
        Directory(str(root / "etc")),
        Link(str(root / "etc/grid"), "../var/grid")
        if image
        else Directory(str(root / "etc/grid"), own, "750"),
        Directory(str(root / "var"), own),
        below(root / "var/omero", "700"),
        below(LOCATIONS.logs, "750"),
        below(LOCATIONS.sessions, "700"),
        *([below(root / "var/grid", "700")] if image else []),
    ]


def links_below(told: Told) -> Iterator[Finding]:
    """Links in the place of OMERODIR's directories: through one of them root could be led away."""
    for item in directories():
        state = told.state(item.path) or ""
        if state.startswith("link ") and LOCATIONS.omerodir in Path(item.path).parents:
            target = printable(state.removeprefix("link "))
            yield Finding(
                item.path,
                f"is a symbolic link to {target}; move it away, so that a directory can be made "
                "there (a bind mount can bring it to another disk)",
            )


def upstream_command() -> Link:
    """Where scripts of sites and of the Ansible role ome.omero_web call `omero`."""
    return Link(f"{LOCATIONS.omerodir}/bin/omero", OMERO)


def commands(service: Service, settings: Settings, manager: str) -> list[Item]:
    """What people and services call; for every host of the same settings alike."""

    def rendered(path: str, template: str, mode: str = "644") -> File:
        return _rendered(path, template, service, settings, manager, mode)

    return [
        File(DEPLOY_LOCK, deploy_lock.SCRIPT, mode="755"),  # before those that call it
        rendered(OMERO, "omero.j2", "755"),
        rendered(OPS, "omeroweb-ops.j2", "755"),
        File(sandbox.SANDBOX, sandbox.script(image=manager == "image"), mode="755"),
        rendered(f"{BASE}/bin/service", "service.j2", "755"),
        rendered(RELEASE, "release.j2", "755"),
        rendered(GUNICORN, "gunicorn.conf.py.j2"),
    ]


def site_items(
    site: Site, member: Member, survey: Survey, service: Service, watch: Service
) -> list[Item]:
    """The services' descriptions, the daily job and the desired state."""
    manager, most = survey.manager, member.settings.web_memory_max

    def rendered(path: str, template: str, mode: str = "644") -> File:
        return _rendered(
            path,
            template,
            service,
            member.settings,
            manager,
            mode,
            address=site.own_address(member),
            prefix=site.prefix(member),
            backs_off=survey.systemd_version >= 254,
            memory_max=most and in_bytes(most),
        )

    programs = (service, watch, cron())
    units: list[Item] = [
        rendered(UNIT, "omero-web.service.j2"),
        rendered(SOCKET_UNIT, "omero-web.socket.j2")
        if service.socket
        else Absent(SOCKET_UNIT, undo="systemctl -q disable --now omero-web.socket"),
        # an older bundle's; systemd has a watchdog
        Absent(LIVENESS_UNIT, undo="systemctl -q disable --now omero-web-liveness.service"),
        Absent(LIVENESS),
    ]
    return [
        upstream_command(),
        rendered("/etc/sudoers.d/omero-web", "sudoers.j2", "440"),
        rendered("/etc/cron.d/omero-web", "cron.j2"),
        *(
            units
            if manager == "systemd"
            else [rendered(LIVENESS, "liveness.j2", "755"), *(each.program() for each in programs)]
        ),
        *(Absent(each) for each in ([PROGRAM] if manager == "systemd" else [UNIT, SOCKET_UNIT])),
        desired_state(site.desired(member)),
    ]


def desired_state(desired: Desired) -> File:
    """What OMERO.web's configuration should be, secrets included."""
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
        settings=settings,
        worker_memory=in_bytes(settings.web_worker_memory),
        manager=manager,
        has_all=has_all,
        stamps=STAMPS,
        **more,
    )
    return File(path, text, mode=mode)
