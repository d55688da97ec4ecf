"""Back up files that the bundle replaces. Only root may read the copies, which may have secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime

from pyinfra import host

from ..host_paths import BACKUPS
from .privilege import run_as_user

DIRECTORY = f"{BACKUPS}/{datetime.now():%Y-%m-%d-%H%M%S}"  # one for each run


def backup_command(paths: Iterable[str]) -> str:
    """Return shell that copies these paths below DIRECTORY. A link stays a link.

    The command runs in /, because cp of coreutils 9.1 (Debian 12) looks for the attributes of `etc`
    in the current directory, and fails anywhere else.
    """
    quoted = " ".join(map(shlex.quote, paths))
    if not quoted:
        return "true"
    return f"( cd / && umask 077 && mkdir -p {DIRECTORY} && cp -a --parents {quoted} {DIRECTORY}/ )"


def backup_as_user_command(user: str, path: str) -> str:
    """Return shell that copies a file of another user, if it exists, with its owner and mode.

    That user reads the file. At most 10 MB are copied, in at most 10 seconds, because that user may
    have replaced the file.
    """
    file, copy = shlex.quote(path), shlex.quote(f"{DIRECTORY}{path}")
    read = run_as_user(user, f"head -c 10000000 {file}")
    return (
        f"( cd /; umask 077; [ -f {file} ] || exit 0; mkdir -p {DIRECTORY} && "
        f"cp -a --attributes-only --parents {file} {DIRECTORY}/ && [ ! -L {copy} ] && "
        f"[ -f {copy} ] && timeout 10 sh -c {shlex.quote(read)} > {copy} )"
    )


def log_backup(paths: Iterable[str], why: str) -> None:
    """Log which files are replaced, why, and where their copies are."""
    if host.state.is_executing:
        for path in paths:
            host.log(f"{path}: {why}; a copy is {DIRECTORY}{path}")
