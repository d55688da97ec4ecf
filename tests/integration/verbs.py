"""Run a verb of `./run`, as an administrator does from a directory with inventories."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Protocol

from tests.integration.hosts import Host
from tests.integration.images import ROOT


class Verb(Protocol):
    """Runs a verb for a host; returns its output."""

    def __call__(self, host: Host, *arguments: str, expect: int = 0) -> str: ...


def run_verb(
    directory: Path,
    inventory: str,
    verb: str,
    *arguments: str,
    stdin: str = "",
    expect: int = 0,
    timeout: float = 900,
) -> str:
    """Run a verb in a directory whose inventory.py has this text; return its output."""
    (directory / "inventory.py").write_text(inventory)
    done = subprocess.run(
        [str(ROOT / "run"), verb, *arguments],
        cwd=directory,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == expect, f"{verb} ended with {done.returncode}:\n{done.stdout[-8000:]}"
    return done.stdout
