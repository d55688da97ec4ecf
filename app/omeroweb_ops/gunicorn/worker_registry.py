"""Record which release and configuration each worker has loaded, in a file for each worker.

A worker has a file while it accepts requests.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..shared import regular_file
from . import handover, log_rotation

# Seconds after SIGTERM in which a worker of another class may accept a request: the loops of gevent
# and eventlet take a second (gunicorn.workers.ggevent.GeventWorker.run).
_ANOTHER_TURN = 2.0


class WorkerRegistry:
    """gunicorn's hooks that write and remove the workers' files.

    During a reload the old workers still answer: only these files show which workers do.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self.identity = folder, identity

    def clear(self, server: Any) -> None:
        """on_starting hook. Remove the files of a crash, whose process IDs others may have now.

        A successor keeps the files of its predecessor's workers.
        """
        if not server.master_pid:
            for path in self.folder.glob("[0-9]*"):
                path.unlink(missing_ok=True)

    def begin(self, worker: Any) -> None:
        """post_worker_init hook. Retire the predecessor and write the worker's file."""
        log_rotation.prepare()
        # before the file exists: a process that waits for it may restart the service at once
        handover.retire_predecessor(worker.log)
        own = self.folder / str(worker.pid)
        try:
            self.folder.mkdir(exist_ok=True)
            regular_file.replace(own, self.identity.encode("ascii"), sync=False)
        except OSError as error:  # a full disk: OMERO.web can still run
            worker.log.warning("what this worker has loaded is not recorded: %s", error)
        _at_end_of_accepting(worker, lambda: _remove(own))

    def end(self, _server: object, worker: Any) -> None:
        """child_exit hook, in the master, because a killed worker cannot remove its file."""
        _remove(self.folder / str(worker.pid))


def _remove(path: Path) -> None:
    with suppress(OSError):  # it must not end the master
        path.unlink(missing_ok=True)


def _at_end_of_accepting(worker: Any, act: Callable[[], None]) -> None:
    """Call a function once the worker accepts no request any more; it may have open ones.

    The bundle's own class calls the function itself. A worker of another class stops soon after
    SIGTERM.
    """
    if hasattr(worker, "accepting_ended"):
        worker.accepting_ended = act
        return
    own_handler = signal.getsignal(signal.SIGTERM)

    def handle(number: int, frame: Any) -> None:
        if callable(own_handler):
            own_handler(number, frame)
        later = threading.Timer(_ANOTHER_TURN, act)
        later.daemon = True
        later.start()

    signal.signal(signal.SIGTERM, handle)
