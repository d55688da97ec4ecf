"""Give each worker a number: the lowest that no other running worker of this host has.

Metrics are stored by number and not by process. A new worker continues the files of an ended
worker, so that no count is lost or decreases when workers are reloaded, recycled or killed, and
there are never more files than workers at one time. A number is a lock, which the kernel releases
when its holder ends.
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
    """Return a number, which is locked while this process lives. Raises OSError."""
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
    """Return the process IDs of running workers by their numbers."""
    found = {}
    for path in folder.glob(f"*{_SUFFIX}"):
        # other files are ignored; opening a pipe would wait
        with suppress(OSError, ValueError), open(path, opener=regular_file.without_waiting) as file:
            # a worker that starts at this moment takes the next number
            if not _locked(file.fileno(), fcntl.LOCK_SH):
                text = file.read(_PID_SIZE)
                if text:  # empty: the worker has just locked the file
                    found[int(path.stem)] = int(text)
    return dict(sorted(found.items()))


def clear(folder: Path) -> None:
    """Remove the files if no worker runs: a crash of the machine may have damaged them."""
    if not holders(folder):
        for path in folder.glob("*"):
            path.unlink()


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
