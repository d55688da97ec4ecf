"""Describe the holder of a host's deploy lock."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Holder:
    """The holder of a host's lock, as the survey reports it.

    state: taken (by this deploy), free, alive (another owner has renewed it) or running (a command
    of another deploy runs). token, process: the present or last owner's. sentence: the owner, for
    messages. origin: the address of this deploy's controller, as the host sees it.
    """

    state: str = "free"
    token: str = ""
    process: str = ""
    sentence: str = "another deploy is under way"
    origin: str = ""

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Holder:
        """Read a holder from the survey's values."""
        names = ("state", "token", "process", "sentence", "origin")
        found = {name: values.get(f"lock_{name}", "") for name in names}
        return cls(**{name: value for name, value in found.items() if value})

    @property
    def is_gone(self) -> bool:
        """Whether the owner was a process of this machine that has ended."""
        place, pid, start = (["", "", *self.process.rsplit(":", 2)])[-3:]
        return place == PLACE and self.state == "alive" and start_time(pid) != start


NOBODY = Holder()


def start_time(pid: str | int) -> str | None:
    """Return the start time of a process of this machine in clock ticks; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]  # proc(5), field 22


def _place() -> str:
    """Return the boot ID and the PID namespace, within which a process ID is unique."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("utf-8").strip()
        return f"{boot}:{re.sub(r'[^0-9]', '', os.readlink('/proc/self/ns/pid'))}"
    except OSError:
        return secrets.token_hex(8)


PLACE = _place()
