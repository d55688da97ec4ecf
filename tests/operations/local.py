"""This machine as pyinfra's host, for operations that stay inside a test's folder."""

from __future__ import annotations

import os
import pwd
import subprocess
from grp import getgrgid
from pathlib import Path
from typing import Any

from pyinfra.api import Config, FactBase, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops

ROOT = Path(__file__).parents[2]
OWNER = f"{pwd.getpwuid(os.getuid()).pw_name}:{getgrgid(os.getgid()).gr_name}"


def shell(
    command: object, *, stdin: str = "", stand_ins: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as pyinfra does, by /bin/sh. stand_ins: what `programs` returned."""
    environment = dict(os.environ)
    if stand_ins:
        environment["PATH"] = f"{stand_ins}:{environment['PATH']}"
    return subprocess.run(
        ["/bin/sh", "-c", str(command)],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def ask(
    fact: type[FactBase[Any]],
    *,
    stand_ins: str | None = None,
    stdin: str = "",
    **arguments: Any,
) -> Any:
    """A fact of this machine."""
    asked = fact()
    done = shell(asked.command(**arguments), stand_ins=stand_ins, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return asked.process(done.stdout.splitlines())


def run(operation: Any, **arguments: Any) -> bool:
    """Run one operation here; whether it changed something. PyinfraError where it fails."""
    state = State(Inventory((["@local"], {})), Config())
    connect_all(state)
    try:
        (meta,) = add_op(state, operation, **arguments).values()
        run_ops(state)
        if not meta.did_succeed():
            raise PyinfraError("the operation failed")
        changed: bool = meta.did_change()
        return changed
    finally:
        disconnect_all(state)


def pyinfra(*arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`./run pyinfra …`, as people call it, in a folder of the test's own."""
    return subprocess.run(
        [ROOT / "run", "pyinfra", *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def programs(folder: Path, **scripts: str) -> str:
    """Stand-ins for programs, by name; returns the folder to look in first."""
    folder.mkdir(exist_ok=True)
    for name, script in scripts.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return str(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
