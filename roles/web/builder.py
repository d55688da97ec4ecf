"""Builds on a host run as a user of their own: what packages execute meanwhile is not root's.

The user owns uv's cache, the folder that is built until the build ends, and nothing else.
"""

from __future__ import annotations

import shlex
from pathlib import Path, PurePath

from pyinfra.api import StringCommand

from ..host_paths import CACHE
from ..operations.files import write_from_stdin

BUILDER = "omero-web-build"
UV_CACHE = CACHE / "uv"
_SCRIPT = Path(__file__).parent / "build.sh"
_ON_HOST = CACHE / "build.sh"


def provide() -> StringCommand:
    """Bring the script that `as_builder` calls to the host."""
    script = _SCRIPT.read_text(encoding="utf-8")
    # the builder reads what lies there
    make = f"mkdir -p {CACHE} && chmod 755 {CACHE} && umask 022"
    return StringCommand(f"{make} && {write_from_stdin(str(_ON_HOST), script)}", _stdin=script)


def words(directory: PurePath, command: str) -> list[str]:
    """Return the words of a command that runs shell in a directory that exists, as the builder.

    The directory is root's again after that, writable for nobody else. The command's own
    environment is the caller's as far as pip, uv and proxies need it.
    """
    arguments = (BUILDER, CACHE / "build", UV_CACHE, directory)
    return ["sh", str(_ON_HOST), *map(str, arguments), "sh", "-ec", command]


def as_builder(directory: PurePath, command: str) -> str:
    """Return the same as shell."""
    return shlex.join(words(directory, command))
