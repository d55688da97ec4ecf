"""The reason of a failed renewal, which an authority has written, is shown without harm."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from omeroweb_ops.shared import renewal


def test_a_failure_is_read_as_one_line_without_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "certificate-renewal"
    assert renewal.failure(path) is None
    path.write_text("2026-11-29T12:41:00+00:00 \x1b[31mrefused\nby\tthem\n")
    found = renewal.failure(path)
    assert found is not None
    assert found.time == datetime(2026, 11, 29, 12, 41, tzinfo=UTC)
    assert str(found) == "its renewal failed on 2026-11-29 12:41: [31mrefused by them"


def test_a_damaged_file_is_an_error_and_no_pipe_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "certificate-renewal"
    path.write_text("hello\n")
    with pytest.raises(ValueError, match="hello"):
        renewal.failure(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe"):
        renewal.failure(tmp_path / "pipe")
