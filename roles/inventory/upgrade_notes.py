"""What a change of OMERO.web's version asks of an administrator. Pure.

Each note is a fact of the packages or of upstream's UPGRADING.md
(https://github.com/ome/omero-web/blob/master/UPGRADING.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omeroweb_ops.property_names import SESSION_SERIALIZER
from omeroweb_ops.shared.finding import Finding
from packaging.version import InvalidVersion, Version

from . import requirements_file
from .plugins import APP

BUNDLE_LOCK = APP / "requirements.txt"
_FLUSH = "run `omeroweb-ops sessions flush` after the deploy, and everybody logs in again"
_PLUGINS = "plugins of your own must support it"


@dataclass(frozen=True)
class Note:
    """What changes with a version of OMERO.web, and what to do."""

    version: str
    text: str


NOTES = (
    Note("5.14.0", f"Django 3.2 instead of 1.11; {_PLUGINS}"),
    Note("5.18.0", f"sessions have another content: {_FLUSH}"),
    Note("5.23.0", f"Django 4.2; {_PLUGINS}"),
    Note("5.26.0", "no omero.web.webgateway_cache: remove the property if it is set manually"),
    Note("5.30.0", f"sessions in files are JSON instead of pickles: {_FLUSH}"),
    Note("5.31.0", f"Django 5.2 instead of 4.2; {_PLUGINS}"),
)
# The first version whose Django has no PickleSerializer (release notes of Django 5.0).
WITHOUT_PICKLE = Version("5.31.0")


def parse(text: str | None) -> Version | None:
    """Return a version, or None for text that is none."""
    try:
        return Version(text or "")
    except InvalidVersion:
        return None


def locked(lock: str | None) -> Version | None:
    """Return OMERO.web's version in a lock; None if the lock has none or several.

    lock: the path of a site's own lock, or None for the bundle's.
    """
    return locked_text(Path(lock or BUNDLE_LOCK).read_text(encoding="utf-8"))


def locked_text(lock: str) -> Version | None:
    """Return OMERO.web's version in a lock's text; None if the text has none or several."""
    versions = requirements_file.pins(lock).get("omero-web", set())
    return parse(next(iter(versions))) if len(versions) == 1 else None


def between(one: Version, other: Version) -> Iterator[Note]:
    """Yield the notes of the versions that an upgrade, or the way back, passes."""
    older, newer = sorted((one, other))
    yield from (note for note in NOTES if older < Version(note.version) <= newer)


def advice(before: Version | None, after: Version | None) -> list[str]:
    """Return what to print about a change of the version; empty if there is none."""
    if before is None or after is None or before == after:
        return []
    way = "upgrade" if before < after else "way back"
    return [
        f"OMERO.web {before} → {after} ({way})",
        *(f"since {note.version}: {note.text}" for note in between(before, after)),
    ]


def errors(after: Version | None, serializer: Any) -> Iterator[Finding]:
    """Yield what cannot work with a version. serializer: omero.web.session_serializer or None."""
    if after and after >= WITHOUT_PICKLE and str(serializer or "").endswith(".PickleSerializer"):
        yield Finding(
            SESSION_SERIALIZER,
            f"{serializer} does not exist in the Django of OMERO.web {after}; remove the property "
            "for the default, JSON",
        )
