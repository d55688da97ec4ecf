"""Which operations were called, how often, and which of them the stand-in does not have."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from pathlib import Path


class Calls:
    """A record of all calls. file: where a report is kept (JSON)."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._answered: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()

    def answered(self, name: str) -> None:
        """Count a call of INTERFACE.OPERATION."""
        with self._lock:
            self._answered[name] += 1

    def refused(self, name: str) -> None:
        """Count a call of what is not implemented."""
        with self._lock:
            self._refused[name] += 1

    def text(self) -> str:
        """A list for people."""
        with self._lock:
            lines = [f"{count:7} {name}" for name, count in sorted(self._answered.items())]
            missing = [f"{count:7} {name}" for name, count in sorted(self._refused.items())]
        return "\n".join(["Ice calls:", *lines, "not implemented:", *(missing or ["   none"])])

    def write(self) -> None:
        """Write the report, in one step."""
        if self._file is None:
            return
        with self._lock:
            report = {"calls": self._answered, "not_implemented": self._refused}
            part = self._file.with_name(f"{self._file.name}.part")
            part.write_text(json.dumps(report, indent=1, sort_keys=True))
            os.replace(part, self._file)
