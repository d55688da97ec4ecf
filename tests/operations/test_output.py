"""What a deploy prints: headings of its phases, and lines of a long operation."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.operations.local import ROOT

DEPLOY = """
from pyinfra import state
from pyinfra.operations import server
from roles.operations import phases, progress

progress.INTERVAL = 0.9
progress.watch(state)
phases.barrier("Phase 1: one")
server.shell(name="Wait", commands=["sleep 2.5"])
phases.barrier("Phase 2: two")
server.shell(name="Be quick", commands=["true"])
phases.barrier("Phase 3: three")
"""


def run(folder: Path, *arguments: str, **environment: str) -> str:
    (folder / "steps.py").write_text(DEPLOY)
    done = subprocess.run(
        [ROOT / "run", "pyinfra", *arguments, "@local", "steps.py"],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    return re.sub(r"\x1b\[[\d;]*m", "", run(tmp_path_factory.mktemp("output"), "-y"))


def test_phases_are_headings_and_no_operations(output: str) -> None:
    for name in ("Phase 1: one", "Phase 2: two", "Phase 3: three"):
        assert output.count(f"--> {name}\n") == 1
        assert f"operation: {name}" not in output
        assert re.search(rf"^    {name}$", output, re.M)  # a heading of the results
    assert "No changes" not in output
    assert output.index("--> Phase 1") < output.index("operation: Wait")
    assert output.index("operation: Wait") < output.index("--> Phase 2")
    total = re.search(r"^ +Grand total +(.*)$", output, re.M)
    assert total is not None
    assert total[1].split() == ["2", "2", "-", "-"]


def test_a_long_operation_says_that_it_runs_and_how_long_it_took(output: str) -> None:
    lines = re.findall(r"^    \[@local\] (.*)$", output, re.M)
    assert "Wait: running for 1 s" in lines
    assert "Wait: took 2 s" in lines or "Wait: took 3 s" in lines
    assert lines.index("Wait: running for 1 s") < lines.index("Success")
    assert not [line for line in lines if line.startswith("Be quick:")]


def test_a_dry_run_has_the_headings_too(tmp_path: Path) -> None:
    output = run(tmp_path, "--dry")
    assert re.search(r"^ +Phase 1: one$", re.sub(r"\x1b\[[\d;]*m", "", output), re.M)


def test_no_color(tmp_path: Path) -> None:
    """Without a terminal there are no colours; with one, NO_COLOR takes them away."""
    (tmp_path / "steps.py").write_text(DEPLOY)
    command = ["./run", "pyinfra", "--dry", "@local", str(tmp_path / "steps.py")]
    shown = {}
    for value in ("", "1"):
        done = subprocess.run(
            ["script", "-qec", " ".join(command), "/dev/null"],
            cwd=ROOT,
            env=os.environ | {"NO_COLOR": value, "PYINFRA_PROGRESS": "off"},
            capture_output=True,
            text=True,
            check=True,
        )
        shown[value] = done.stdout
    assert "\x1b[" in shown[""]
    assert "\x1b[" not in shown["1"]
    assert "Phase 1: one" in shown["1"]
