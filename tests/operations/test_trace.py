"""The trace of a run of pyinfra: its calls, its operations and its stages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks import steps
from benchmarks.trace import Trace

ROOT = Path(__file__).parents[2]
DEPLOY = """
from pyinfra.operations import files, server
server.shell(name="First", commands=["echo one", "echo two"])
files.put(name="Second", src="source", dest="target", mode="600")
"""


def run(directory: Path, *arguments: str) -> int:
    """Run benchmarks.trace in a directory; the trace is in `trace.json` there."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.trace", "trace.json", "-y", *arguments],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    ).returncode


def test_a_trace_has_each_call_and_each_operation(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("text")
    (tmp_path / "deploy.py").write_text(DEPLOY)
    assert run(tmp_path, "@local", "deploy.py") == 0
    assert (tmp_path / "target").read_text() == "text"
    trace = Trace.read(tmp_path / "trace.json")
    assert [each.name for each in trace.operations] == ["First", "Second"]
    kinds = [each.kind for each in trace.calls]
    assert kinds.count("put_file") == 1  # which itself runs commands, and counts once
    first, _second = trace.operations
    inside = [each for each in trace.calls if first.begin <= each.begin <= first.end]
    assert len(inside) == 2
    assert trace.calls_per_host() == len(trace.calls) > 3
    assert 0 <= trace.python < trace.imported < trace.stages["Prepare"] < trace.end
    assert sum(steps.steps(trace).values()) - trace.end < 1e-6


def test_the_status_is_pyinfra_s(tmp_path: Path) -> None:
    assert run(tmp_path, "@local", "exec", "--", "false") == 1
    assert Trace.read(tmp_path / "trace.json").calls_per_host() == 1
