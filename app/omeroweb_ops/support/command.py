"""Run `omeroweb-ops support`."""

from __future__ import annotations

import os
import platform
import sys
from datetime import datetime
from pathlib import Path

from ..state.engine import Engine
from . import archive, known_secrets, parts
from .masking import mask

STREAM = "-"


def run(engine: Engine, output: str | None, *, host_files: bool) -> int:
    """Write the archive and print what is in it.

    output: a path that does not exist yet; STREAM for standard output. host_files: whether root's
    script passes a tar archive on standard input.
    """
    found = [*parts.collect(engine)]
    if host_files:
        found += archive.host_files(sys.stdin.buffer)
    hidden = known_secrets.find(engine)
    members = [(name, mask(text, hidden)) for name, text in found]
    name = f"omeroweb-support-{platform.node()}-{datetime.now():%Y%m%d-%H%M%S}"
    if output == STREAM:
        lines = archive.write(sys.stdout.buffer, name, members)
        sys.stdout.flush()
        print("\n".join(lines), file=sys.stderr)
        return 0
    path = Path(output or f"{name}.tar.gz")
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        lines = archive.write(file, name, members)
    print(f"{path}:", *lines, sep="\n")
    print("Secrets are masked. Look through the files before you post them.")
    return 0
