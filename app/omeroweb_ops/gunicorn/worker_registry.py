"""Record which release and configuration each worker has loaded, in a file for each worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..shared import regular_file
from . import handover, log_rotation


class WorkerRegistry:
    """gunicorn's hooks that write and remove the workers' files.

    During a reload the old workers still answer: only these files show whether new workers do.
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
        self.folder.mkdir(exist_ok=True)
        own = self.folder / str(worker.pid)
        regular_file.replace(own, self.identity.encode("ascii"), sync=False)

    def end(self, _server: object, worker: Any) -> None:
        """child_exit hook, in the master, because a killed worker cannot remove its file."""
        (self.folder / str(worker.pid)).unlink(missing_ok=True)
