"""Say which paths of a host a backup has, and which of them a restore writes. Pure.

The releases, units, commands and NGINX's site are not part of a backup: a deploy makes them. Logs
are not, either.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from omeroweb_ops.state.branding import DIRECTORY as BRANDING

from ..conventions import LOCATIONS
from ..host_paths import NGINX_TLS
from .archive import Entry

LETSENCRYPT = "/etc/letsencrypt"
REDIS_KEYS = "/redis-keys"  # no path of a host: commands for `redis-cli --pipe`
CONFIG_XML = str(LOCATIONS.config_xml)
_OMERODIR = LOCATIONS.omerodir
# Without what belongs to the releases of a host: the snapshots, and which of them were tried.
_WEB = (
    *(LOCATIONS.config_xml, LOCATIONS.record, LOCATIONS.previous, LOCATIONS.secret),
    _OMERODIR / "var/django_secret_key",
)
WEB = frozenset(map(str, _WEB))
WEB_PATTERN = "|".join(re.escape(str(path.relative_to(_OMERODIR))) for path in _WEB)
_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,200}")


def is_session_file(path: str) -> bool:
    """Return whether a path is a file of the file-based session store."""
    pure = PurePosixPath(path)
    return str(pure.parent) == str(LOCATIONS.sessions) and bool(_SESSION.fullmatch(pure.name))


def is_kept(section: str, path: str) -> bool:
    """Return whether a path that a host has printed in a section is part of a backup."""
    if section == "web":
        return path in WEB
    if section == "files":
        return is_session_file(path)
    return section in ("root", "certificates")


def certificates(data: Mapping[str, Any]) -> frozenset[str]:
    """Return the paths of a certificate on the host itself that a host's settings name."""
    given = data.get("nginx_tls")
    values = given.values() if isinstance(given, Mapping) else ()
    return frozenset(each for each in values if isinstance(each, str) and each.startswith("/"))


def is_restored(entry: Entry, groups: Collection[str], named: Collection[str]) -> bool:
    """Return whether a restore writes an entry to a host with these groups.

    named: the paths of `certificates`. Nothing else of a backup that somebody has changed reaches
    a host.
    """
    pure = PurePosixPath(entry.path)
    if ".." in pure.parts or str(pure) != entry.path:
        return False
    if entry.path == REDIS_KEYS:
        return "redis" in groups and entry.kind == "file"
    if "web" in groups and (entry.path in WEB or is_session_file(entry.path)):
        return entry.kind == "file"
    if "web" in groups and pure.is_relative_to(BRANDING):
        return entry.kind != "link"
    if "nginx" not in groups:
        return False
    if pure.is_relative_to(NGINX_TLS) or entry.path in named:
        return entry.kind != "link"
    return pure.is_relative_to(LETSENCRYPT)
