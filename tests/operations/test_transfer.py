"""Files of a host whose login shell prints something of its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from roles.operations.transfer import read_file
from tests.operations.local import shell


class NoisyHost:
    """This machine as pyinfra would reach it by that login shell."""

    def __init__(self, noise: str = "hello", end: int | None = None) -> None:
        self.noise, self.end = noise, end

    def run_shell_command(self, command: object) -> tuple[bool, Any]:
        done = shell(f"echo {self.noise}; {command}")
        lines = done.stdout[: self.end].splitlines()
        return done.returncode == 0, SimpleNamespace(stdout_lines=lines)


@pytest.mark.parametrize("content", [b"", b"\0\xff\n", bytes(range(256)) * 1000])
def test_a_file_comes_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a file's name"
    path.write_bytes(content)
    host: Any = NoisyHost()
    assert read_file(host, str(path)) == content


def test_what_is_absent_or_cut_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    host: Any = NoisyHost()
    assert read_file(host, str(path)) is None
    path.write_bytes(b"x" * 1000)
    whole: Any = NoisyHost(end=-2)
    assert read_file(whole, str(path)) is None
