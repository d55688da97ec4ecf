"""The launcher as root: what others can write is not executed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.operations.local import ROOT, programs


def run(
    launcher: Path, *arguments: str, folder: Path, uid: int = 0
) -> subprocess.CompletedProcess[str]:
    stand_ins = programs(folder.parent / "bin", id=f"echo {uid}")
    return subprocess.run(
        [launcher, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": f"{stand_ins}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "here"
    path.mkdir(mode=0o755)
    return path


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o757])
def test_root_imports_no_inventory_from_where_everybody_writes(folder: Path, mode: int) -> None:
    (folder / "inventory.py").write_text("open('executed', 'w')\n")
    folder.chmod(mode)
    refused = run(ROOT / "run", "pyinfra", "inventory.py", "debug-inventory", folder=folder)
    assert refused.returncode == 1
    assert "run: everybody can write to ." in refused.stderr
    assert not (folder / "executed").exists()
    folder.chmod(0o755)
    assert run(ROOT / "run", "pyinfra", "--version", folder=folder).returncode == 0


def test_another_user_s_own_risk_is_not_refused(folder: Path) -> None:
    folder.chmod(0o777)
    assert run(ROOT / "run", "pyinfra", "--version", folder=folder, uid=1000).returncode == 0


@pytest.mark.parametrize("part", ["", "app", "roles", ".venv"])
def test_root_runs_no_project_that_everybody_writes(
    tmp_path: Path, folder: Path, part: str
) -> None:
    project = tmp_path / "project"
    for name in ("app", "roles", ".venv"):
        (project / name).mkdir(parents=True)
    shutil.copy(ROOT / "run", project / "run")
    (project / part).chmod(0o777)
    refused = run(project / "run", "omeroweb-ops", "--help", folder=folder)
    assert refused.returncode == 1
    assert f"everybody can write to {project}" in refused.stderr
    assert not (project / ".venv/made-of").exists()


@pytest.mark.parametrize("command", ["omeroweb-ops", "audit"])
def test_nothing_is_imported_from_the_current_directory(folder: Path, command: str) -> None:
    for name in ("argparse", "omeroweb_ops", "roles", "signal"):
        (folder / f"{name}.py").write_text("open('executed', 'w')\n")
    done = run(ROOT / "run", command, "--help", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout
    assert not (folder / "executed").exists()


PYTHON = """
case "$*" in
    -V) echo Python 3.11.2 ;;
    "-I -m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo venv >> log ;;
    *"pip install"*) printf '#!/bin/sh\\necho "uv $*" >> log\\n' > .venv/bin/uv
        chmod 755 .venv/bin/uv && echo uv >> log ;;
esac
"""


def test_uv_needs_no_more_than_uv(tmp_path: Path) -> None:
    """To lock packages nobody installs the development environment; the rest is added later."""
    project = tmp_path / "project"
    (project / "app").mkdir(parents=True)
    (project / "roles").mkdir()
    shutil.copy(ROOT / "run", project / "run")
    for lock in ("requirements-uv", "requirements", "requirements-audit", "requirements-dev"):
        shutil.copy(ROOT / f"{lock}.txt", project)
    stand_ins = programs(tmp_path / "bin", python3=PYTHON)

    def log(*arguments: str) -> list[str]:
        """What has been run since the last call."""
        path = project / "log"
        path.unlink(missing_ok=True)
        done = subprocess.run(
            [project / "run", *arguments],
            cwd=project,
            env={**os.environ, "PATH": f"{stand_ins}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return path.read_text().splitlines() if path.exists() else []

    assert log("uv", "--version") == ["venv", "uv", "uv --version"]
    assert log("uv", "--version") == ["uv --version"]
    (added,) = log("python", "-V")
    assert added.startswith("uv pip install")
    assert added.endswith("-r requirements-dev.txt")
    assert log("uv", "--version") == ["uv --version"]
    assert log("python", "-V") == []
