"""OMERO.web where NGINX is on another host: its addresses are trusted."""

from __future__ import annotations

from ..conventions import LOCATIONS, USER
from ..inventory.site import Member, Site
from ..operations.files import Absent, File
from ..survey import Survey
from ..target.closed_ports import addresses

PROXIES = str(LOCATIONS.proxies)


def proxies(site: Site, member: Member, survey: Survey) -> File | Absent:
    """Return the file of NGINX's addresses, which gunicorn trusts."""
    lines = "".join(f"{each}\n" for each in addresses(site.remote_nginx_addresses(member), survey))
    return File(PROXIES, lines, f"root:{USER}", "640") if lines else Absent(PROXIES)
