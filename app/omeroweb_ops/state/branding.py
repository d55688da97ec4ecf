"""Compute the paths of a site's own logos and templates on a host, and the properties for them.

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
INDEX = "branding/index.html"  # the index template's name in Django, unlike any of OMERO.web's
# Both properties are URLs that OMERO.web inserts into the page unchanged.
LOGOS = {"login_logo": LOGIN_LOGO, "top_logo": TOP_LOGO}


@dataclass(frozen=True)
class Branding:
    """A site's own files.

    files: content by path, for example `static/login_logo.png`, `templates/webclient/login.html`.
    directory: the parent of the directory with the files.

    The name of the directory, on the host and in URLs, is a digest of the content. A changed logo
    so gets a URL that no cache has, and changes the configuration, which leads to collectstatic and
    a reload.
    """

    files: Mapping[str, bytes]
    directory: Path = DIRECTORY

    @cached_property
    def digest(self) -> str:
        digest = hashlib.sha256()
        for path, content in sorted(self.files.items()):
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()[:12]

    @property
    def path(self) -> Path:
        return self.directory / self.digest

    def properties(self, static_url: str) -> dict[str, Any]:
        """Return the properties to set. static_url: the value of omero.web.static_url."""
        found: dict[str, Any] = {}
        for path in self.files:
            folder, _, name = path.partition("/")
            prop = LOGOS.get(name.partition(".")[0]) if folder == "static" else None
            if prop:
                # as in OMERO.web's own URLs, the query means that the content never changes
                found[prop] = f"{static_url}branding/{self.digest}/{name}?_{self.digest}"
        if f"templates/{INDEX}" in self.files:
            found[INDEX_TEMPLATE] = INDEX
        return found

    def additions(self) -> dict[str, list[Any]]:
        """Return the items to add to each list property."""
        folders = {path.partition("/")[0] for path in self.files}
        added: dict[str, list[Any]] = {}
        if "static" in folders:
            added[STATICFILE_DIRS] = [[f"branding/{self.digest}", str(self.path / "static")]]
        if "templates" in folders:
            added[TEMPLATE_DIRS] = [str(self.path / "templates")]
        return added
