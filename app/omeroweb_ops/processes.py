"""What the kernel tells of a process, and does for it."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

PARENT, STARTED = 1, 19  # places in `stat`
PR_SET_PDEATHSIG = 1  # prctl(2)


def stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third one on, proc(5). Raises OSError."""
    return Path("/proc", str(pid), "stat").read_text("ascii", "replace").rpartition(")")[2].split()


def end_with_parent() -> None:
    """Called in a child that is not to outlive its parent."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it went away before the line above
        os.kill(os.getpid(), signal.SIGTERM)
