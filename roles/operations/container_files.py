"""Write the files of a host in a container, at its start and as its user."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from omeroweb_ops.shared import regular_file

from .files import Absent, File

_OS_RELEASE = Path("/etc/os-release")
UMASK = 0o007  # another user of group 0 may come after this one


def write(items: Iterable[File | Absent]) -> None:
    """Bring each file to its content and mode, atomically; the container's user is the owner."""
    for item in items:
        path = Path(item.path).resolve()  # the image has links to its writable directories
        if isinstance(item, Absent):
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        # without a sync: the next start writes the file again
        regular_file.replace(path, item.content.encode(), int(item.mode, 8), sync=False)


def system() -> Mapping[str, Any]:
    """Return the survey's `id` and `version` of the image's distribution, see os-release(5)."""
    lines = _OS_RELEASE.read_text("utf-8").splitlines()
    values = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    return {"id": values.get("ID", ""), "version": values.get("VERSION_ID", "")}
