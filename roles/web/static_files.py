"""Collect the release's static files as the service's user, and copy them into the release.

They are code that visitors' browsers run, and NGINX reads them as its own user. So they belong to
root, and only regular files and directories are copied.
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
    """Return the path of omero.web.static_root in a release; None for the site's own directory."""
    path = os.path.relpath(static_root, CURRENT)
    return None if path in (".", "..") or path.startswith("../") else path


def collected(command: str, release: Path, folder: str | None, digest: str) -> str:
    """Return shell that runs the command that collects, and copies its files into the release.

    Existing files stay, for pages that are still open. Each file is replaced atomically.

    command: runs as the service's user. With `folder` it prints a tar archive, otherwise it
    collects into the site's own directory. digest: of the files' sources, written last.
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
