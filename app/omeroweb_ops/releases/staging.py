"""A scratch OMERODIR with a configuration that does not serve yet."""

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
    """The environment of a process that is to see these properties and touch nothing else.

    The copy holds secrets. It lies where the service's user alone can read, and what a killed
    process has left there goes with the next.
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
    """A new directory, and what holds it; made again where another process has swept it first."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=DIRECTORY_PREFIX, dir=scratch))
        with contextlib.suppress(BlockingIOError, FileNotFoundError):
            lock = _lock(folder)
            if folder.exists():
                return folder, lock
            os.close(lock)


def _sweep(scratch: Path) -> None:
    """Remove the copies that no process holds any more."""
    for left in scratch.glob(f"{DIRECTORY_PREFIX}*"):
        with contextlib.suppress(OSError):  # in use, or gone
            lock = _lock(left)
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)


def _lock(folder: Path) -> int:
    """A descriptor that holds a directory while this process lives.

    Raises BlockingIOError where another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
