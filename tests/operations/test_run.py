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
