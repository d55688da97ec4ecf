"""What the kernel tells of a process, and does with it."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # prctl(2)
PARENT, STARTED = 1, 19  # places in `stat`


def stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third one on, proc(5). Raises OSError."""
    return Path("/proc", str(pid), "stat").read_text("ascii", "replace").rpartition(")")[2].split()


def end_with(parent: int, by: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent ends, however that ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it went away before the line above
        os.kill(os.getpid(), by)
