"""What a new worker does before it loads OMERO.web."""

from __future__ import annotations

import queue
import signal
import sys
from typing import Any

from ..processes import end_with_parent

_STOP = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


def end_with_master(_server: object, _worker: object) -> None:
    """End a worker when its master is killed.

    Otherwise it would use the port for up to half the worker timeout, and a new master could not
    bind. systemd ends such processes itself, supervisor does not.
    """
    end_with_parent()


def end_if_stopped(server: Any, _worker: object) -> None:
    """End a worker that was stopped before it had signal handlers of its own.

    Until gunicorn's init_signals, a worker has the master's handlers, which add to the worker's
    copy of the master's queue (gunicorn/arbiter.py, signal). Nothing reads that copy, and the
    master would wait for the worker until graceful_timeout has passed.
    """
    for each in _STOP:
        signal.signal(each, signal.SIG_DFL)
    while True:
        try:
            if server.SIG_QUEUE.get_nowait() in _STOP:
                sys.exit(0)
        except queue.Empty:
            return
