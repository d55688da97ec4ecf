"""Every file that the web role writes, apart from the release itself."""

from __future__ import annotations

from pathlib import Path

import jinja2
from omeroweb_ops.locations import BASE, CURRENT
from omeroweb_ops.state.desired import Desired

from ..items import Absent, Directory, File, Item, Link
from ..services import Service, cron
from ..site import LOCATIONS
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


def directories(*, image: bool = False) -> list[Item]:
    """OMERODIR. In an image everything that is written lies in var, the rest may be read-only."""
    own = f"{USER}:{USER}"
    root = LOCATIONS.omerodir
    return [
        Directory(str(BASE)),
        Directory(str(BASE / "bin")),
        Directory(str(RELEASES)),
        Directory(str(BASE / "state"), f"root:{USER}", "750"),
        Directory(str(root), own),
        Directory(str(root / "etc"), own),
        Link(str(root / "etc/grid"), "../var/grid")
        if image
        else Directory(str(root / "etc/grid"), own, "750"),
        Directory(str(root / "var"), own),
        Directory(str(root / "var/omero"), own, "700"),
        Directory(str(LOCATIONS.logs), own, "750"),
        Directory(str(LOCATIONS.sessions), own, "700"),
        *([Directory(str(root / "var/grid"), own, "700")] if image else []),
    ]


def serving(target: Release) -> Link:
    """The release that serves."""
    return Link(str(CURRENT), str(target.path))


def commands(service: Service, manager: str) -> list[Item]:
    """What people and services call. The same for every site."""

    def rendered(path: str, template: str, mode: str = "644") -> File:
        return _rendered(path, template, service, manager, mode)

    return [
        rendered("/usr/local/bin/omero", "omero.j2", "755"),
        rendered(OPS, "omeroweb-ops.j2", "755"),
        rendered(f"{BASE}/bin/service", "service.j2", "755"),
        rendered(GUNICORN, "gunicorn.conf.py.j2"),
    ]


def site_items(desired: Desired, service: Service, manager: str) -> list[Item]:
    """The service's description, the daily job and the desired state."""
    description: list[Item] = (
        [_rendered(UNIT, "omero-web.service.j2", service, manager), Absent(PROGRAM)]
        if manager == "systemd"
        else [service.program(), cron().program(), Absent(UNIT)]
    )
    return [
        _rendered("/etc/sudoers.d/omero-web", "sudoers.j2", service, manager, "440"),
        _rendered("/etc/cron.d/omero-web", "cron.j2", service, manager),
        *description,
        desired_state(desired),
    ]


def desired_state(desired: Desired) -> File:
    """What OMERO.web's configuration should be, secrets included."""
    return File(str(LOCATIONS.desired_state), desired.dump(), f"root:{USER}", "640")


def _rendered(path: str, template: str, service: Service, manager: str, mode: str = "644") -> File:
    text = _TEMPLATES.get_template(template).render(
        base=BASE, omerodir=LOCATIONS.omerodir, user=USER, service=service, manager=manager
    )
    return File(path, text, mode=mode)
