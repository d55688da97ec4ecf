"""A site's own logos and templates: where they lie on a host, and which properties name them.

Pure: no I/O.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..locations import BASE
from ..property_names import INDEX_TEMPLATE, LOGIN_LOGO, STATICFILE_DIRS, TEMPLATE_DIRS, TOP_LOGO

DIRECTORY = BASE / "branding"
INDEX = "branding/index.html"  # the index template's name for Django; shadows none of OMERO.web's
# Both are URLs, written into the page as they are.
LOGOS = {"login_logo": LOGIN_LOGO, "top_logo": TOP_LOGO}


@dataclass(frozen=True)
class Branding:
    """files: content by path, `static/login_logo.png`, `templates/webclient/login.html`, …

    The folder is named by the content, on the host and in URLs: another logo is another name, which
    no cache knows, and another configuration, which brings collectstatic and a reload by itself.
    """

    files: Mapping[str, bytes]

    @cached_property
    def digest(self) -> str:
        digest = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:12]

    @property
    def path(self) -> Path:
        return DIRECTORY / self.digest

    def properties(self, static_url: str) -> dict[str, Any]:
        """static_url: as omero.web.static_url has it."""
        found: dict[str, Any] = {}
        for path in self.files:
            folder, _, name = path.partition("/")
            prop = LOGOS.get(name.partition(".")[0]) if folder == "static" else None
            if prop:
                # the query, as OMERO.web's own URLs have it, says that the content never changes
                found[prop] = f"{static_url}branding/{self.digest}/{name}?_{self.digest}"
        if f"templates/{INDEX}" in self.files:
            found[INDEX_TEMPLATE] = INDEX
        return found

    def additions(self) -> dict[str, list[Any]]:
        """What is added to which list."""
        folders = {path.partition("/")[0] for path in self.files}
        added: dict[str, list[Any]] = {}
        if "static" in folders:
            added[STATICFILE_DIRS] = [[f"branding/{self.digest}", str(self.path / "static")]]
        if "templates" in folders:
            added[TEMPLATE_DIRS] = [str(self.path / "templates")]
        return added
