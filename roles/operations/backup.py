"""Copies of what someone else made and the bundle replaces; root's own: they may hold secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime

from pyinfra import host

from ..host_paths import BACKUPS
from .privilege import run_as_user

DIRECTORY = f"{BACKUPS}/{datetime.now():%Y-%m-%d-%H%M%S}"  # one for each run


def backup_command(paths: Iterable[str]) -> str:
    """Shell: copies of these paths below DIRECTORY, in directories of root's; a link stays a link.

    From /: cp of coreutils 9.1 (Debian 12) looks for the attributes of `etc` where it is run, and
    fails anywhere else.
    """
    quoted = " ".join(map(shlex.quote, paths))
    if not quoted:
        return "true"
    return f"( cd / && umask 077 && mkdir -p {DIRECTORY} && cp -a --parents {quoted} {DIRECTORY}/ )"


def backup_as_user_command(user: str, path: str) -> str:
    """Shell: a copy of a file in another user's directory, with its owner and mode, read as that
    user; nothing where there is none. It may be anything by now: 10 MB and 10 seconds at most.
    """
    file, copy = shlex.quote(path), shlex.quote(f"{DIRECTORY}{path}")
    read = run_as_user(user, f"head -c 10000000 {file}")
    return (
        f"( cd /; umask 077; [ -f {file} ] || exit 0; mkdir -p {DIRECTORY} && "
        f"cp -a --attributes-only --parents {file} {DIRECTORY}/ && [ ! -L {copy} ] && "
        f"[ -f {copy} ] && timeout 10 sh -c {shlex.quote(read)} > {copy} )"
    )


def log_backup(paths: Iterable[str], why: str) -> None:
    """Tell the administrator what is replaced and where its copy is."""
    if host.state.is_executing:
        for path in paths:
            host.log(f"{path}: {why}; a copy is {DIRECTORY}{path}")
