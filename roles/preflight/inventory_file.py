"""Find the directory of pyinfra's inventory, to which the paths in the inventory are relative."""

from __future__ import annotations

import sys
from pathlib import Path

import pyinfra

from ..inventory import controller_path


def directory() -> Path:
    """Return the directory of the inventory of this run.

    It is the current directory if the inventory is a host instead of a file, or if pyinfra does
    not run from its command line. pyinfra does not keep the path of its one inventory, so its own
    parser reads the command line again.
    """
    if not pyinfra.is_cli:
        return Path.cwd()
    from pyinfra_cli.cli import cli  # replaces parts of the standard library, and has done so

    context = cli.make_context("pyinfra", [*sys.argv[1:]], resilient_parsing=True)
    return controller_path.directory(context.params["inventory"] or "").absolute()
