"""The release's static files, taken over from the service's user who has collected them.

They are code that visitors' browsers run, and NGINX reads them as a user of its own: they belong to
root, and nothing is among them but regular files and directories.
"""

from __future__ import annotations

import os
from pathlib import Path

from omeroweb_ops.locations import CURRENT

from ..operations import shell_file
from ..operations.archives import MAX_ERRORS_SIZE, PACKING_TIMEOUT, limited_archive
from ..operations.privilege import limited

_COLLECT = shell_file.read(__file__, "collect_static.sh")


def inside(static_root: str) -> str | None:
    """Where in a release omero.web.static_root is; None for a folder of the site's own."""
    path = os.path.relpath(static_root, CURRENT)
    return None if path in (".", "..") or path.startswith("../") else path


def collected(command: str, release: Path, folder: str | None, digest: str) -> str:
    """Shell: run the command that collects, and take what it has collected into the release.

    What is there already stays, for pages that are still open; each file is replaced in one step.

    command: as the service's user; it prints a tar archive where `folder` is given, and nothing
    where it collects into a folder of the site's own. digest: names what is collected, written
    last.
    """
    if folder is not None:
        command = limited_archive(f"{command} --archive", f"{release}/static.tar")
    return shell_file.command(
        _COLLECT,
        release,
        digest,
        *([] if folder is None else [folder]),
        collect=limited(command, seconds=PACKING_TIMEOUT, size=MAX_ERRORS_SIZE),
    )
