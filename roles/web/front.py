"""OMERO.web where NGINX is on another host: its addresses are trusted."""

from __future__ import annotations

from .. import firewall
from ..items import Absent, File
from ..site import LOCATIONS, USER, Member, Site
from ..survey import Survey

PROXIES = str(LOCATIONS.proxies)


def proxies(site: Site, member: Member, survey: Survey) -> File | Absent:
    """Return the file of NGINX's addresses, which gunicorn trusts."""
    lines = "".join(f"{each}\n" for each in firewall.addresses(site.fronts(member), survey))
    return File(PROXIES, lines, f"root:{USER}", "640") if lines else Absent(PROXIES)
