"""The files of workers, where they cannot be written."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
from omeroweb_ops.gunicorn.worker_registry import WorkerRegistry


def test_a_file_that_cannot_be_written_ends_neither_worker_nor_master(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The predecessor is being stopped by then, so nothing else would serve."""
    folder = tmp_path / "workers"
    folder.write_text("a file in place of the directory")
    registry = WorkerRegistry(folder, "identity")
    worker = SimpleNamespace(pid=7, log=logging.getLogger(), accepting_ended=None)
    registry.begin(worker)
    assert "not recorded" in caplog.text
    worker.accepting_ended()
    registry.end(None, worker)
