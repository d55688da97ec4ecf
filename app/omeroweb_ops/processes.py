"""What the kernel tells of a process."""

from __future__ import annotations

from pathlib import Path

PARENT, STARTED = 1, 19  # places in `stat`


def stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third one on, proc(5). Raises OSError."""
    return Path("/proc", str(pid), "stat").read_text("ascii", "replace").rpartition(")")[2].split()
