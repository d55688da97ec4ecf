"""Render the maintenance pages, and the command for planned maintenance.

The controller fills in the values that are known at a deploy. The pages of planned maintenance keep
placeholders for the message and the end, which the command on the host fills in without Python.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from omeroweb_ops import locations
from omeroweb_ops.shared.uploads import logo_data_uri

from ..host_paths import OPS_COMMAND, PAGES
from ..inventory.settings import MaintenancePage
from ..operations.files import File, Item, Link
from ..target import Target
from .templating import TEMPLATES

PLANNED, SCRIPT = str(locations.PLANNED), str(locations.MAINTENANCE)
RETRY_AFTER = 30  # seconds; the doctor knows the page by it (doctor.checks.visitor.AUTOMATIC)
PLANNED_RETRY_AFTER = 600  # seconds, if no end is set
_LATER = {name: f"{{{{ {name} }}}}" for name in ("message", "expected_end", "expected_end_iso")}
_AWAY = "OMERO.web is under maintenance or just starting up again."
_PLACEHOLDER = re.compile(r"\{\{ *(message|expected_end|expected_end_iso|logo|contact) *\}\}")


def items(target: Target) -> list[Item]:
    """Return the pages and the command. The command comes last, because it needs the pages."""
    return [
        *pages(target),
        command(),
        # without the web role there is no virtualenv: `omeroweb-ops` is only this script then
        *([] if "web" in target.groups else [Link(OPS_COMMAND, SCRIPT)]),
    ]


def command() -> File:
    """Return the command for planned maintenance."""
    text = TEMPLATES.get_template("omero-web-maintenance.j2").render(
        pages=PAGES, planned=PLANNED, script=SCRIPT
    )
    return File(SCRIPT, text, mode="755")


def pages(target: Target) -> list[File]:
    """Return the pages, also those that the command fills in."""
    page = target.settings.nginx_maintenance_page or MaintenancePage()
    prefix = target.application.prefix
    return [
        *_pages("maintenance", page, prefix, retry_after=RETRY_AFTER),
        *_pages(
            "planned", page, prefix, retry_after=PLANNED_RETRY_AFTER, message=_LATER["message"]
        ),
        *_pages("planned-until", page, prefix, retry_after=PLANNED_RETRY_AFTER, **_LATER),
    ]


def _pages(name: str, page: MaintenancePage, prefix: str, **known: Any) -> list[File]:
    """Return a page as HTML for people and as JSON for programs."""
    values = {
        "prefix": prefix,
        "message": None,
        "expected_end": None,
        "expected_end_iso": None,
        "logo": logo_data_uri(page.logo) if page.logo else None,
        "contact": page.contact,
        **known,
    }
    texts = {
        kind: TEMPLATES.get_template(f"maintenance.{kind}.j2").render(values)
        for kind in ("html", "json")
    }
    if page.page:
        texts["html"] = render_site_page(Path(page.page).read_text(encoding="utf-8"), values)
    return [File(f"{PAGES}/{name}.{kind}", f"{text.rstrip()}\n") for kind, text in texts.items()]


def render_site_page(page: str, values: dict[str, Any]) -> str:
    """Return a facility's own page with the known values filled in."""
    texts = {**values, "message": values["message"] or _AWAY}
    texts["expected_end"] = values["expected_end"] or "soon"
    return _PLACEHOLDER.sub(lambda found: html.escape(str(texts[found[1]] or "")), page)
