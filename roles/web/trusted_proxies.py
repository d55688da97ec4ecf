"""Make gunicorn trust the addresses of NGINX on other hosts."""

from __future__ import annotations

from ..conventions import LOCATIONS, USER
from ..operations.files import Absent, File
from ..target import Target
from ..target.closed_ports import addresses

PROXIES = str(LOCATIONS.proxies)


def proxies(target: Target) -> File | Absent:
    """Return the file of NGINX's addresses, which gunicorn trusts."""
    known = addresses(target.network.remote_nginx, target.survey)
    lines = "".join(f"{each}\n" for each in known)
    return File(PROXIES, lines, f"root:{USER}", "640") if lines else Absent(PROXIES)
