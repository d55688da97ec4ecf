"""One test session and its processes: what its workers share, and who removes it.

The controller collects nothing and runs no test. It is there before the first worker and after
the last, so what all of them use is its own: the engine, and the images that tests start from.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

NO_ENGINE = "no container engine"


@dataclass(frozen=True)
class Session:
    """pid: the process that is there until the end. folder: gone at the end, seen by all."""

    pid: int
    folder: Path

    @classmethod
    def of(cls, config: pytest.Config) -> Session | None:
        """Return the session that this process is a worker of; None where it is no worker."""
        given = getattr(config, "workerinput", {}).get("session")
        return given and cls(given[0], Path(given[1]))

    def make_once(self, name: str, make: Callable[[], str]) -> str:
        """Return what the first process that asked has made; the others wait for it."""
        made = self.folder / name
        with locked(self.folder / f"{name}.lock"):
            if not made.exists():
                text = make()
                made.write_text(text)
            return made.read_text()

    @property
    def missing_engine(self) -> Path:
        """The file in which the controller says why there is no engine."""
        return self.folder / "no-engine"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time make a thing; the others wait for it."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def machine_lock(name: str) -> Path:
    """Return a file to lock what is the machine's: its package manager, its kept wheels."""
    return Path(tempfile.gettempdir()) / f"omeroweb-bundle-{os.getuid()}-{name}.lock"
