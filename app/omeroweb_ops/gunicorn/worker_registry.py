"""Which release and configuration each worker has loaded, as files of the workers' own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..shared import regular_file
from . import handover, log_rotation


class WorkerRegistry:
    """Each worker that has loaded OMERO.web says with which release and configuration.

    During a reload the old workers go on answering: only this tells whether the new ones do.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder, self.identity = folder, identity

    def clear(self, server: Any) -> None:
        """gunicorn's on_starting hook: numbers of processes that a crash has left are others' by
        now. A master that takes over leaves those of the one before."""
        if not server.master_pid:
            for path in self.folder.glob("[0-9]*"):
                path.unlink(missing_ok=True)

    def begin(self, worker: Any) -> None:
        """gunicorn's post_worker_init hook."""
        log_rotation.prepare()
        # before the file is there: who waits for it may restart the service at once
        handover.retire_predecessor(worker.log)
        self.folder.mkdir(exist_ok=True)
        own = self.folder / str(worker.pid)
        regular_file.replace(own, self.identity.encode("ascii"), sync=False)

    def end(self, _server: object, worker: Any) -> None:
        """gunicorn's child_exit hook, in the master: a worker that was killed says nothing."""
        (self.folder / str(worker.pid)).unlink(missing_ok=True)
