"""The number of a worker: the lowest that no other living worker of this host has.

Metrics are kept by number and not by process. The worker that follows a dead one goes on in its
files, so that no count is lost or goes back when workers are reloaded, recycled or killed, and
there are never more files than there were workers at once. A number is a lock, which the kernel
takes back when its holder dies.
"""

from __future__ import annotations

import fcntl
import itertools
import os
from contextlib import suppress
from pathlib import Path

from ..shared import regular_file

_SUFFIX = ".worker"
_PID_SIZE = 20  # characters


def acquire(folder: Path) -> int:
    """Take a number for as long as this process lives. Raises OSError."""
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in itertools.count():
        lock = os.open(folder / f"{number}{_SUFFIX}", os.O_RDWR | os.O_CREAT, 0o600)
        if _locked(lock, fcntl.LOCK_EX):
            os.ftruncate(lock, 0)
            os.write(lock, str(os.getpid()).encode())
            return number  # the file stays open
        os.close(lock)
    raise AssertionError


def holders(folder: Path) -> dict[int, int]:
    """The numbers of living workers, and their processes."""
    found = {}
    for path in folder.glob(f"*{_SUFFIX}"):
        # what is no worker's is left alone; a pipe would make us wait
        with suppress(OSError, ValueError), open(path, opener=regular_file.without_waiting) as file:
            # a worker that starts this very moment takes the next number
            if not _locked(file.fileno(), fcntl.LOCK_SH):
                text = file.read(_PID_SIZE)
                if text:  # empty: it has taken it just now
                    found[int(path.stem)] = int(text)
    return dict(sorted(found.items()))


def clear(folder: Path) -> None:
    """Begin anew where no worker lives: a crash of the machine may have left broken files."""
    if not holders(folder):
        for path in folder.glob("*"):
            path.unlink()


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
