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


def end_with_parent(parent: int | None = None, by: signal.Signals = signal.SIGTERM) -> None:
    """Called in a child that is not to outlive its parent, however that ends.

    parent: its process id, where it may have ended before this is called.
    """
    parent = os.getppid() if parent is None else parent
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it went away before the line above
        os.kill(os.getpid(), by)
