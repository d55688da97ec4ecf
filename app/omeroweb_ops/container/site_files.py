"""A site's own files in a container, which can write to `var` only.

Logos and templates are copied to a directory that is named by their content. The logos and the
static files of the apps in `APPS` are linked to a directory that WhiteNoise serves beside the
image's static files.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..locations import BASE, Locations
from ..property_names import PREFIX, STATIC_URL
from ..state.branding import Branding

APPS = BASE / "apps"  # in Python's path by the Dockerfile


def branding(files: Mapping[str, bytes], locations: Locations) -> Branding | None:
    """Return the branding of these files, None without files."""
    return Branding(files, locations.omerodir / "var" / "branding") if files else None


def whitenoise_root(own: Branding | None, locations: Locations) -> str | None:
    """Return the directory of the links, None if there is nothing to serve."""
    served = own is not None or any(_static_files())
    return str(locations.omerodir / "var" / "www") if served else None


def write(own: Branding | None, properties: Mapping[str, Any], locations: Locations) -> None:
    """Write the files and remove those of the last start. properties: the desired ones."""
    var = locations.omerodir / "var"
    for path in (var / "branding", var / "www"):
        shutil.rmtree(path, ignore_errors=True)
    root = var / "www" / _static_path(properties)
    if own:
        for name, content in own.files.items():
            path = own.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _link(root / "branding" / own.digest, own.path / "static")
    for file, below in _static_files():
        _link(root / below, file)


def _static_files() -> Iterator[tuple[Path, Path]]:
    """Return each static file of the apps, and its path below omero.web.static_url."""
    for folder in sorted(APPS.glob("*/static")):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                yield path, path.relative_to(folder)


def _link(link: Path, target: Path) -> None:
    """Make a link. If two apps have the same file, the first counts, as in Django."""
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(target)


def _static_path(properties: Mapping[str, Any]) -> Path:
    """Return the path of omero.web.static_url below the prefix, as WhiteNoise computes it."""
    path = urlsplit(str(properties.get(STATIC_URL) or "/static/")).path
    prefix = str(properties.get(PREFIX) or "").rstrip("/")
    return Path(path.removeprefix(prefix).strip("/"))
