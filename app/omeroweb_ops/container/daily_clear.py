"""Clear expired sessions once a day in a container, which has no cron.

gunicorn's master starts `omeroweb-ops sessions clear` as a process of its own, and reaps it. The
time of the last run is in a file of the volume, so restarts neither repeat nor prevent a run.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..gunicorn.master_loop import at_each_turn

DAY = 86_400  # seconds
START = 10  # seconds in which the processors load OMERO.web for the first visitors
RETRY = 3_600  # seconds after which a run that has left no result is repeated
COMMAND = (str(Path(sys.prefix) / "bin" / "omeroweb-ops"), "sessions", "clear")


def hook(result: Path, run: Callable[[], object] | None = None) -> Callable[[Any], None]:
    """Return a when_ready hook.

    result: the file that each run writes. The hook acts in the master's loop.
    """
    start = run or _start

    def begin(server: Any) -> None:
        due = time.monotonic() + START

        def act() -> None:
            nonlocal due
            now = time.monotonic()
            if now >= due and _is_due(result):
                due = now + RETRY
                try:
                    start()
                except OSError as error:
                    server.log.warning("clearsessions cannot start: %s", error)

        at_each_turn(server, act)

    return begin


def _is_due(result: Path) -> bool:
    try:
        age = time.time() - result.stat().st_mtime
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return not 0 <= age < DAY  # the clock may have been set back


def _start() -> None:
    subprocess.Popen(COMMAND, stdin=subprocess.DEVNULL)
