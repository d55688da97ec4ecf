"""Make a scratch OMERODIR with a configuration that is not active yet."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..locations import Locations
from ..processes import isolated
from ..state import config_xml

DIRECTORY_PREFIX = "configuration-"


@contextmanager
def staged(properties: Mapping[str, str], locations: Locations) -> Iterator[dict[str, str]]:
    """Yield the environment of a process with a scratch OMERODIR that has these properties.

    The copy has secrets, so only the service's user may read it. The next call removes a copy that
    a killed process has left.
    """
    locations.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sweep(locations.scratch)
    folder, lock = _make(locations.scratch)
    try:
        copy = Locations(folder, locations.desired_state)
        copy.config_xml.parent.mkdir(parents=True)
        config_xml.write(copy.config_xml, properties)
        yield {**isolated(os.environ), "OMERODIR": str(folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make(scratch: Path) -> tuple[Path, int]:
    """Return a new directory and its lock. Retry if another process has swept the directory."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX, dir=scratch))
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(folder)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _sweep(scratch: Path) -> None:
    """Remove the copies that no process has locked."""
    for left in scratch.glob(f"{DIRECTORY_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, or gone
            lock = _lock(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int:
    """Return a descriptor that locks a directory while this process lives.

    Raises BlockingIOError if another process has locked the directory.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
