"""How many processes may run at once where a cgroup has less than the machine."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.releases import static_compress
from omeroweb_ops.shared import cgroup

MB = 1 << 20


def limited(folder: Path, cpu: str, memory: str) -> tuple[Path, Path]:
    """A cgroup of version 2, as `docker run --cpus … -m …` makes it."""
    root, membership = folder / "cgroup", folder / "membership"
    root.mkdir()
    membership.write_text("0::/\n")
    (root / "cpu.max").write_text(f"{cpu} 100000\n")
    (root / "memory.max").write_text(f"{memory}\n")
    return root, membership


@pytest.mark.parametrize(
    ("cpu", "memory", "each", "processes"),
    [
        ("100000", "max", MB, 1),
        ("50000", "max", MB, 1),
        ("max", str(512 * MB), 512 * MB, 1),
        ("max", str(100 * MB), 512 * MB, 1),
    ],
)
def test_a_limit_of_the_cgroup_counts(
    tmp_path: Path, cpu: str, memory: str, each: int, processes: int
) -> None:
    assert cgroup.processes(each, *limited(tmp_path, cpu, memory)) == processes


@given(cores=st.floats(0.1, 256), memory=st.integers(MB, 1 << 42), each=st.integers(MB, 1 << 40))
def test_no_more_run_than_have_room(cores: float, memory: int, each: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cgroup, "cores", lambda *_: cores)
        patch.setattr(cgroup, "memory", lambda *_: memory)
        found = cgroup.processes(each)
    assert found == 1 or (found * each <= memory and found < cores + 1)


def test_it_runs_by_itself_on_a_host_without_a_release() -> None:
    command = [sys.executable, "-I", cgroup.__file__, str(1 << 60)]
    assert subprocess.check_output(command, text=True, cwd="/") == "1\n"


def test_static_files_are_compressed_by_as_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, most: int) -> None:
            seen.append(most)
            super().__init__(most)

    monkeypatch.setattr(cgroup, "cores", lambda *_: 1.5)
    monkeypatch.setattr(cgroup, "memory", lambda *_: 1 << 40)
    monkeypatch.setattr(static_compress, "ProcessPoolExecutor", Pool)
    (tmp_path / "a.css").write_text("a {}\n" * 100)
    static_compress.prepare(tmp_path)
    assert seen == [2]
    assert (tmp_path / "a.css.gz").exists()
