"""Copies of what someone else made and the bundle replaces; root's own: they may hold secrets."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import datetime

from pyinfra import host

FOLDER = f"/var/backups/omeroweb-ops/{datetime.now():%Y-%m-%d-%H%M%S}"  # one for each run


def kept(paths: Iterable[str]) -> str:
    """Shell: copies of these paths below FOLDER; links are followed at their end, not above."""
    quoted = " ".join(map(shlex.quote, paths))
    if not quoted:
        return "true"
    return f"( umask 077 && mkdir -p {FOLDER} && cp -a --parents {quoted} {FOLDER}/ )"


def said(paths: Iterable[str], why: str) -> None:
    """Tell the administrator what is replaced and where its copy is."""
    if host.state.is_executing:
        for path in paths:
            host.log(f"{path}: {why}; a copy is {FOLDER}{path}")
