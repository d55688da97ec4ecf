"""The maintenance page in its forms, and the command that shows it on purpose.

What is known at a deploy is filled in on the controller. A planned maintenance's message and end
come later, when somebody gives them: for those the pages keep placeholders, which the command on
the host fills in without Python.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from omeroweb_ops import locations

from ..host_paths import OPS_COMMAND, PAGES
from ..inventory.settings import MaintenancePage
from ..inventory.uploads import logo_data_uri
from ..operations.files import File, Item, Link
from ..target import Target
from .templating import TEMPLATES

PLANNED, SCRIPT = str(locations.PLANNED), str(locations.MAINTENANCE)
RETRY_AFTER = 30  # seconds; the doctor knows the page by it (doctor.checks.visitor.AUTOMATIC)
PLANNED_RETRY_AFTER = 600  # seconds, where no end was given
_LATER = {name: f"{{{{ {name} }}}}" for name in ("message", "expected_end", "expected_end_iso")}
_AWAY = "OMERO.web is under maintenance or just starting up again."
_PLACEHOLDER = re.compile(r"\{\{ *(message|expected_end|expected_end_iso|logo|contact) *\}\}")


def items(target: Target) -> list[Item]:
    """The pages and the command. It comes last: with it everything is there that it needs."""
    page = target.settings.nginx_maintenance_page or MaintenancePage()
    prefix = target.application.prefix
    command = TEMPLATES.get_template("omero-web-maintenance.j2").render(
        pages=PAGES, planned=PLANNED, script=SCRIPT
    )
    return [
        *_pages("maintenance", page, prefix, retry_after=RETRY_AFTER),
        *_pages(
            "planned", page, prefix, retry_after=PLANNED_RETRY_AFTER, message=_LATER["message"]
        ),
        *_pages("planned-until", page, prefix, retry_after=PLANNED_RETRY_AFTER, **_LATER),
        File(SCRIPT, command, mode="755"),
        # without a web role there is no virtualenv, and this is all of the command that there is
        *([] if "web" in target.groups else [Link(OPS_COMMAND, SCRIPT)]),
    ]


def _pages(name: str, page: MaintenancePage, prefix: str, **known: Any) -> list[File]:
    """One page for people and for programs."""
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
    """A facility's own page with what is known now."""
    texts = {**values, "message": values["message"] or _AWAY}
    texts["expected_end"] = values["expected_end"] or "soon"
    return _PLACEHOLDER.sub(lambda found: html.escape(str(texts[found[1]] or "")), page)
