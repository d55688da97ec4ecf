"""What ends an OMERO.web that hangs where systemd does not run, by a real shell."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest

from roles.inventory.settings import Settings
from tests.operations.local import programs

TEMPLATES = Path(__file__).parents[2] / "roles/web/templates"


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process with the configuration file of the site among its arguments."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", f"{tmp_path}/gunicorn.conf.py"]
    with subprocess.Popen(command) as process:
        yield process
        process.kill()


@contextlib.contextmanager
def watched(folder: Path, *, answers: bool) -> Iterator[subprocess.Popen[bytes]]:
    """The script, for which 5 seconds are a twentieth of one."""
    script = folder / "liveness"
    template = jinja2.Template((TEMPLATES / "liveness.sh.j2").read_text(), trim_blocks=True)
    script.write_text(
        template.render(
            base=folder,
            omerodir=folder,
            address="127.0.0.1:9",
            prefix="",
            settings=Settings(web_liveness=15),
        )
    )
    path = programs(
        folder / "bin",
        sleep=f"exec {sys.executable} -c 'import time; time.sleep(0.05)'",
        curl=f"echo >> {folder}/asked; exit {0 if answers else 7}",
    )
    (folder / "var").mkdir(exist_ok=True)
    with subprocess.Popen(
        ["sh", str(script)], env=os.environ | {"PATH": f"{path}:{os.environ['PATH']}"}
    ) as process:
        yield process
        process.kill()


def test_a_master_that_reports_is_let_alone(
    tmp_path: Path, gunicorn: subprocess.Popen[bytes]
) -> None:
    with watched(tmp_path, answers=False):
        end = time.monotonic() + 2
        while time.monotonic() < end:
            (tmp_path / "var/heartbeat").touch()
            time.sleep(0.02)
        assert gunicorn.poll() is None


def test_a_worker_that_answers_is_enough(tmp_path: Path, gunicorn: subprocess.Popen[bytes]) -> None:
    with watched(tmp_path, answers=True):
        asked, end = tmp_path / "asked", time.monotonic() + 20
        while not asked.exists() or asked.stat().st_size < 10:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert gunicorn.poll() is None


def test_one_that_hangs_is_ended_and_no_other_process(
    tmp_path: Path, gunicorn: subprocess.Popen[bytes]
) -> None:
    other = [sys.executable, "-c", "import time; time.sleep(60)", f"{tmp_path}/gunicorn.conf.pyc"]
    with subprocess.Popen(other) as bystander:
        with watched(tmp_path, answers=False):
            assert gunicorn.wait(timeout=20) == -9
            assert bystander.poll() is None
        bystander.kill()
