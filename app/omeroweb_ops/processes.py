"""Read a process's state from the kernel, and tie a child to its parent."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping
from pathlib import Path

PARENT, STARTED = 1, 19  # indexes in the result of `stat`
PR_SET_PDEATHSIG = 1  # prctl(2)


def stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on (proc(5)). Raises OSError."""
    return Path("/proc", str(pid), "stat").read_text("ascii", "replace").rpartition(")")[2].split()


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Python that imports nothing from the current or home directory.

    `python -m` imports from the current directory unless PYTHONSAFEPATH is set
    (https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH, Python 3.11).
    """
    return {**environment, "PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}


def end_with_parent(parent: int | None = None, by: signal.Signals = signal.SIGTERM) -> None:
    """End this process when its parent ends, in any way. Call this in the child.

    parent: the parent's process ID, if it may have ended before this call.
    """
    parent = os.getppid() if parent is None else parent
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # the parent ended before prctl
        os.kill(os.getpid(), by)
