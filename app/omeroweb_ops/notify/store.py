"""Read and write what is known between two runs: root's file, which everybody may read.

It has problems and messages, and no secret. A crash leaves the old file or the new file.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .history import History, Known, Relapse
from .message import Message
from .report import Problem

STATE = Path("/var/lib/omeroweb-ops/notify.json")
INTERVAL = 300.0  # seconds between two runs of the timer, or of cron
_MAX_WAITING = 50  # messages; the oldest are dropped
_LOCK_TIMEOUT = 600.0  # seconds; a run takes no longer


@dataclass(frozen=True)
class Waiting:
    """A message that some channels have not got yet. error: why the last try failed."""

    message: Message
    channels: tuple[str, ...]
    since: float
    error: str = ""


@dataclass(frozen=True)
class State:
    """Everything that is known. ran: the last run; silent: why it reported nothing, or "".

    Times are in seconds since 1970.
    """

    ran: float = 0.0
    silent: str = ""
    history: History = field(default_factory=History)
    waiting: tuple[Waiting, ...] = ()

    def dump(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def parse(cls, text: str) -> State:
        """Raises KeyError, TypeError, AttributeError and ValueError."""
        data = json.loads(text)
        known = {name: _known(each) for name, each in data["history"]["known"].items()}
        relapses = {name: Relapse(**each) for name, each in data["history"]["relapses"].items()}
        waiting = tuple(
            Waiting(
                Message(**each["message"]), tuple(each["channels"]), each["since"], each["error"]
            )
            for each in data["waiting"]
        )
        return cls(float(data["ran"]), str(data["silent"]), History(known, relapses), waiting)

    def with_message(self, message: Message, channels: tuple[str, ...], now: float) -> State:
        """Return the state with one more message to deliver."""
        waiting = (*self.waiting, Waiting(message, channels, now))
        return replace(self, waiting=waiting[-_MAX_WAITING:])


def _known(data: dict[str, Any]) -> Known:
    return Known(**{**data, "problem": Problem(**data["problem"])})


def load(path: Path) -> State:
    """Return the state; an empty one if there is none, or if it is not readable."""
    try:
        return State.parse(path.read_text("utf-8"))
    except (OSError, KeyError, TypeError, AttributeError, ValueError):
        return State()


def save(path: Path, state: State) -> None:
    """Write the state to disk, so that a crash leaves the old file or the new file."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o644)
        file.write(state.dump())
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other runs out, which would send a message twice. Raises TimeoutError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # only root may open the lock: another user could hold it
    descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        end = time.monotonic() + _LOCK_TIMEOUT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError("another run has not ended") from None
                time.sleep(0.5)
        yield
    finally:
        os.close(descriptor)
