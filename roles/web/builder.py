"""Run builds on a host as a separate user, so that packages' code does not run as root.

The user owns only uv's cache and, until the build ends, the directory that is built.
"""

from __future__ import annotations

import shlex
from pathlib import Path, PurePath

from ..host_paths import CACHE
from ..operations.files import Directory, File, Item

BUILDER = "omero-web-build"
UV_CACHE = CACHE / "uv"
_SCRIPT = Path(__file__).parent / "build.sh"
_ON_HOST = CACHE / "build.sh"


def items() -> tuple[Item, ...]:
    """Return the script that `as_builder` calls, in a directory that the builder can read."""
    return Directory(str(CACHE)), File(str(_ON_HOST), _SCRIPT.read_text(encoding="utf-8"))


def words(directory: PurePath, command: str) -> list[str]:
    """Return the words of a command that runs shell as the builder in an existing directory.

    Afterwards the directory belongs to root, and nobody else may write there. The command gets
    those environment variables that pip, uv and proxies need.
    """
    arguments = (BUILDER, CACHE / "build", UV_CACHE, directory)
    return ["sh", str(_ON_HOST), *map(str, arguments), "sh", "-ec", command]


def as_builder(directory: PurePath, command: str) -> str:
    """Return the command of `words` as shell."""
    return shlex.join(words(directory, command))
