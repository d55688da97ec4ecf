"""Find paths in the configuration that OMERO.web's service cannot see or write in its sandbox.

The service's unit has ProtectHome= and PrivateTmp= (roles/web/sandbox.py), but a command of the
bundle, which tries a configuration, sees the host's directories. Django reports no template
directory that is missing, so a site would lose its templates without a word.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..property_names import (
    DATABASES,
    NGINX_SERVER_EXTRA_CONFIG,
    STATIC_ROOT,
    STATICFILE_DIRS,
    TEMPLATE_DIRS,
)
from ..shared.finding import Finding

HOMES = ("/home", "/root", "/run/user")  # systemd.exec(5), ProtectHome=
TEMPORARY = ("/tmp", "/var/tmp")  # systemd.exec(5), PrivateTmp=
SYSTEMD = Path("/run/systemd/system")  # sd_booted(3)
DROP_INS = Path("/etc/systemd/system/omero-web.service.d")
_SQLITE = "django.db.backends.sqlite3"
# A command collects static files, which sees home directories. NGINX reads its own lines.
_NOT_THE_SERVICE_S = (STATICFILE_DIRS, STATIC_ROOT, NGINX_SERVER_EXTRA_CONFIG)
_PATH = re.compile(r"(?<![\w./-])/(?:[^\s\"':,;/]+/)*[^\s\"':,;/]+")


@dataclass(frozen=True)
class Sandbox:
    """What the service's unit and its drop-ins hide and let the service write.

    homes, temporary: whether home directories and temporary directories are hidden. bound:
    directories that are bound all the same. writable: directories that the service can write.
    """

    homes: bool = True
    temporary: bool = True
    bound: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()

    @classmethod
    def of(cls, drop_ins: str, var: Path) -> Sandbox:
        """Read the text of all drop-ins. var: the service's own directory."""
        given = re.findall(r"^\s*(\w+)\s*=\s*(.*?)\s*$", drop_ins, re.MULTILINE)
        last = {name: value.lower() for name, value in given}

        def paths(*names: str) -> tuple[str, ...]:
            words = [word for name, value in given if name in names for word in value.split()]
            return tuple(word.lstrip("-+").split(":")[-1].strip('"') for word in words)

        on = ("", "yes", "true", "1", "on")
        return cls(
            homes=last.get("ProtectHome", "yes") in (*on, "tmpfs"),
            temporary=last.get("PrivateTmp", "yes") in (*on, "disconnected"),
            bound=paths("BindPaths", "BindReadOnlyPaths"),
            writable=(str(var), *paths("ReadWritePaths", "BindPaths")),
        )

    def hides(self, path: str) -> str | None:
        """Return the setting of the unit that hides a path; None if the service sees it."""
        if _is_below(path, self.bound):
            return None
        above = {*map(str, Path(path).parents)}
        if self.homes and above & {*HOMES}:
            return "ProtectHome"
        return "PrivateTmp" if self.temporary and above & {*TEMPORARY} else None


def find(properties: Mapping[str, str], var: Path) -> Iterator[Finding]:
    """Yield an error for each path that the service cannot see, or must write and cannot.

    properties: text by name. var: the directory that the service can write. Without systemd
    nothing is hidden.
    """
    if not SYSTEMD.is_dir():
        return
    sandbox = Sandbox.of(_drop_ins(), var)
    for name, text in properties.items():
        if name in _NOT_THE_SERVICE_S:
            continue
        for path in dict.fromkeys(_PATH.findall(text)):
            hidden = sandbox.hides(os.path.normpath(path))
            if hidden and (name in (TEMPLATE_DIRS, DATABASES) or _exists(path)):
                yield Finding(
                    name,
                    f"{path} is hidden from OMERO.web's service, whose sandbox has "
                    f"{hidden}=; move it to a directory like /srv, or open it as "
                    "docs/sandbox.md says",
                )
    for path in _databases(properties.get(DATABASES)):
        if not sandbox.hides(path) and not _is_below(path, sandbox.writable):
            yield Finding(
                DATABASES,
                f"{path} cannot be written by OMERO.web's service, whose sandbox lets it write "
                f"{var} alone; put the file there, or open its directory as docs/sandbox.md says",
            )


def _databases(text: str | None) -> Iterator[str]:
    """Yield the files of SQLite databases."""
    try:
        databases: Any = json.loads(text or "{}")
    except ValueError:
        return
    for each in databases.values() if isinstance(databases, dict) else ():
        if isinstance(each, dict) and each.get("ENGINE") == _SQLITE:
            path = os.path.normpath(str(each.get("NAME")))
            if path.startswith("/"):
                yield path


def _exists(path: str) -> bool:
    """Return whether a path is one of this host, or a file to be: a URL may look like a path."""
    parent = os.path.dirname(path)
    return os.path.exists(path) or (parent not in (*HOMES, *TEMPORARY) and os.path.isdir(parent))


def _is_below(path: str, directories: tuple[str, ...]) -> bool:
    return any(Path(path).is_relative_to(each) for each in directories)


def _drop_ins() -> str:
    """Return the text of the unit's drop-ins, in systemd's order."""
    texts = []
    for path in sorted(DROP_INS.glob("*.conf")):
        try:
            texts.append(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
    return "\n".join(texts)
