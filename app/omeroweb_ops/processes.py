"""What the kernel tells of a process, and does for it."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Mapping
from pathlib import Path

PARENT, STARTED = 1, 19  # places in `stat`
PR_SET_PDEATHSIG = 1  # prctl(2)


def stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third one on, proc(5). Raises OSError."""
    return Path("/proc", str(pid), "stat").read_text("ascii", "replace").rpartition(")")[2].split()


def isolated(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Python that imports nothing from the current directory, as `python -m`
    does (https://docs.python.org/3/using/cmdline.html#envvar-PYTHONSAFEPATH, Python 3.11), or from
    the home of its user."""
    return {**environment, "PYTHONSAFEPATH": "1", "PYTHONNOUSERSITE": "1"}


def end_with_parent(parent: int | None = None, by: signal.Signals = signal.SIGTERM) -> None:
    """Called in a child that is not to outlive its parent, however that ends.

    parent: its process id, where it may have ended before this is called.
    """
    parent = os.getppid() if parent is None else parent
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it went away before the line above
        os.kill(os.getpid(), by)
