"""The release's static files, taken over from the service's user who has collected them.

They are code that visitors' browsers run, and NGINX reads them as a user of its own: they belong to
root, and nothing is among them but regular files and directories.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from omeroweb_ops.locations import CURRENT, RELEASES

from ..operations.archives import limited_archive
from ..operations.privilege import limited

_SECONDS = 900
_SHOWN = 20_000  # bytes of its errors
# Releases of an older bundle have them from the service's user; they can serve again (rollback).
_OWNED = (
    f'for each in {RELEASES}/*/static; do [ -d "$each" ] && [ "$(stat -c %u "$each")" != 0 ] || '
    'continue; chown -hR root:root "$each" && find -P "$each" ! -type f ! -type d -delete && '
    'chmod -R u=rwX,go=rX "$each"; done'
)


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
    noted = (
        f"sync -f {release}; echo {shlex.quote(digest)} > {release}/collected.new; "
        f"mv -fT {release}/collected.new {release}/collected"
    )
    if folder is None:
        asked = limited(command, seconds=_SECONDS, size=_SHOWN)
        return f"set -e; umask 022; {{ {asked}\n}} >&2; {noted}"
    new, archive, target = f"{release}/static.new", f"{release}/static.tar", f"{release}/{folder}"
    # complete before it is read; errors come by standard error alone
    taken = limited_archive(f"{command} --archive", archive)
    asked = limited(taken, seconds=_SECONDS, size=_SHOWN)
    return (
        f"set -e; {_OWNED}; umask 022; rm -rf {new} {archive}*; "
        f"trap 'rm -rf {new} {archive}*' EXIT; ( umask 077; {asked}\n) >&2; "
        f"mkdir {new}; tar -xf {archive} -C {new} --no-same-owner --no-same-permissions; "
        f"find -P {new} ! -type f ! -type d -delete; chmod -R u=rwX,go=rX {new}; "
        f"mkdir -p {shlex.quote(target)}; cp -alfT {new} {shlex.quote(target)}; {noted}"
    )
