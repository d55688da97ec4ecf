"""Every file that the web role writes, apart from the release itself."""

from __future__ import annotations

from pathlib import Path

import jinja2
from omeroweb_ops.locations import BASE

from ..items import Absent, Directory, File, Item, Link
from ..services import Service
from ..site import LOCATIONS, Member, Site
from .release import RELEASES, Release
from .user import USER

OPS = "/usr/local/bin/omeroweb-ops"
GUNICORN = f"{BASE}/gunicorn.conf.py"
UNIT = "/etc/systemd/system/omero-web.service"
PROGRAM = "/etc/supervisor/conf.d/omero-web.conf"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)


def directories() -> list[Item]:
    """OMERODIR: NGINX (www-data) may walk to the static files and read nothing else."""
    own = f"{USER}:{USER}"
    root = LOCATIONS.omerodir
    return [
        Directory(str(BASE)),
        Directory(str(BASE / "bin")),
        Directory(str(RELEASES)),
        Directory(str(BASE / "state"), f"root:{USER}", "750"),
        Directory(str(root), own),
        Directory(str(root / "etc"), own),
        Directory(str(root / "etc/grid"), own, "750"),
        Directory(str(root / "var"), own),
        Directory(str(root / "var/omero"), own, "700"),
        Directory(str(LOCATIONS.logs), own, "750"),
        Directory(str(LOCATIONS.sessions), own, "700"),
        Directory(str(LOCATIONS.static), own),
    ]


def items(
    site: Site, member: Member, service: Service, manager: str, wanted: Release
) -> list[Item]:
    """Commands for people, the service's description, the daily job and the desired state."""

    def rendered(path: str, template: str, mode: str = "644") -> File:
        text = _TEMPLATES.get_template(template).render(
            base=BASE,
            omerodir=LOCATIONS.omerodir,
            user=USER,
            service=service,
            manager=manager,
        )
        return File(path, text, mode=mode)

    description: list[Item] = (
        [rendered(UNIT, "omero-web.service.j2"), Absent(PROGRAM)]
        if manager == "systemd"
        else [service.program(), cron_service().program(), Absent(UNIT)]
    )
    return [
        Link(str(BASE / "venv3"), str(wanted.path)),
        rendered("/usr/local/bin/omero", "omero.j2", "755"),
        rendered(OPS, "omeroweb-ops.j2", "755"),
        rendered(f"{BASE}/bin/service", "service.j2", "755"),
        rendered("/etc/sudoers.d/omero-web", "sudoers.j2", "440"),
        rendered(GUNICORN, "gunicorn.conf.py.j2"),
        rendered("/etc/cron.d/omero-web", "cron.j2"),
        *description,
        File(str(LOCATIONS.desired_state), site.desired(member).dump(), f"root:{USER}", "640"),
    ]


def cron_service() -> Service:
    """Debian's cron."""
    return Service(name="cron", command="/usr/sbin/cron -f")
