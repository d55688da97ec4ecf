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


def test_only_verbs_that_import_an_inventory_refuse_an_open_directory(folder: Path) -> None:
    folder.chmod(0o777)
    assert run(ROOT / "run", "completion", "bash", folder=folder).returncode == 0
    assert run(ROOT / "run", "init", "new", folder=folder).returncode == 0
    refused = run(ROOT / "run", "plan", "new", folder=folder)
    assert refused.returncode == 1
    assert "run: everybody can write to ." in refused.stderr


def test_the_version_needs_no_environment(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (project.path / "app/pyproject.toml").write_text('version = "9.8.7"\n')
    (project.path / "app/requirements.txt").write_text("omero-web==5.4.3 \\\n")
    assert project.log("--version") == []
    shown = subprocess.run([project.path / "run", "--version"], capture_output=True, text=True)
    assert shown.stdout == "omeroweb-bundle 9.8.7, OMERO.web 5.4.3\n"
    assert not (project.path / ".venv").exists()


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


@pytest.mark.parametrize("command", ["omeroweb-ops", "audit", "deploy"])
def test_nothing_is_imported_from_the_current_directory(folder: Path, command: str) -> None:
    for name in ("argparse", "omeroweb_ops", "roles", "signal"):
        (folder / f"{name}.py").write_text("open('executed', 'w')\n")
    done = run(ROOT / "run", command, "--help", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "usage: " in done.stdout.lower()
    assert not (folder / "executed").exists()


PYTHON = """
case "$*" in
    -V) echo Python 3.11.2 ;;
    "-I -m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo venv >> log ;;
    *"pip config list") cat pip-settings 2> /dev/null ;;
    *"pip install"*)
        /bin/sleep "${SLOW:-0}"
        printf '#!/bin/sh\\necho "uv $*${HTTPS_PROXY:+ via $HTTPS_PROXY}" >> log\\n' \\
        > .venv/bin/uv
        chmod 755 .venv/bin/uv && echo uv >> log ;;
esac
"""


class Project:
    """The launcher in a directory of its own, where Python and uv are stand-ins."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "project"
        (self.path / "app").mkdir(parents=True)
        (self.path / "roles").mkdir()
        shutil.copy(ROOT / "run", self.path / "run")
        for lock in ("requirements-uv", "requirements", "requirements-audit", "requirements-dev"):
            shutil.copy(ROOT / f"{lock}.txt", self.path)
        self._stand_ins = programs(folder / "bin", python3=PYTHON)

    def log(self, *arguments: str, **environment: str) -> list[str]:
        """What the launcher has run of these arguments."""
        path = self.path / "log"
        path.unlink(missing_ok=True)
        self.run(*arguments, **environment)
        return path.read_text().splitlines() if path.exists() else []

    def run(self, *arguments: str, **environment: str) -> str:
        """What the launcher prints on standard error."""
        own = {
            name: text for name, text in os.environ.items() if not name.lower().endswith("proxy")
        }
        done = subprocess.run(
            [self.path / "run", *arguments],
            cwd=self.path,
            env={**own, "PATH": f"{self._stand_ins}:{os.environ['PATH']}", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr


def test_a_long_step_says_that_it_runs(tmp_path: Path) -> None:
    project = Project(tmp_path)
    programs(tmp_path / "bin", sleep="exec /bin/sleep 0.3")  # a second is a thirtieth of one
    output = project.run("uv", "--version", SLOW="1")
    assert "run: installing uv ...\nrun: installing uv: running for 10 s\n" in output
    assert "creating the virtual environment: running" not in output


def test_uv_needs_no_more_than_uv(tmp_path: Path) -> None:
    """To lock packages nobody installs the development environment; the rest is added later."""
    log = Project(tmp_path).log
    assert log("uv", "--version") == ["venv", "uv", "uv --version"]
    assert log("uv", "--version") == ["uv --version"]
    (added,) = log("python", "-V")
    assert added.startswith("uv pip install")
    assert added.endswith("-r requirements-dev.txt")
    assert log("uv", "--version") == ["uv --version"]
    assert log("python", "-V") == []


@pytest.mark.parametrize(
    ("settings", "environment", "proxy"),
    [
        ("global.proxy='http://p.example:3128'", {}, "http://p.example:3128"),
        ("global.proxy='p.example:3128'\ninstall.proxy='q.example:1'", {}, "http://q.example:1"),
        ("global.proxy='http://p.example:3128'", {"HTTPS_PROXY": "http://r"}, "http://r"),
        ("global.proxy='http://p.example:3128'", {"all_proxy": "http://r"}, None),
        ("global.timeout='60'", {}, None),
    ],
)
def test_uv_uses_the_proxy_of_pip_s_configuration(
    tmp_path: Path, settings: str, environment: dict[str, str], proxy: str | None
) -> None:
    project = Project(tmp_path)
    (project.path / "pip-settings").write_text(f"{settings}\n")
    *_, added = project.log("python", "-V", **environment)
    assert added.startswith("uv pip install")
    assert added.partition(" via ")[2] == (proxy or "")
