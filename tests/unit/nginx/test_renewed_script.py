"""The script that cron starts: NGINX is reloaded for a renewed certificate, and once."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from roles.inventory.tls_files import Pair
from roles.nginx.templating import TEMPLATES
from tests.operations.local import programs


class Script:
    """The script with a certificate, a key and an NGINX that is a stand-in."""

    def __init__(self, folder: Path) -> None:
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.certificate.write_text("certificate\n")
        self.key.write_text("key\n")
        self.pid = folder / "nginx.pid"
        self.pid.write_text(f"{os.getpid()}\n")
        self.refuses = folder / "refuses"
        self.calls = folder / "calls"
        self.calls.touch()
        stand_ins = programs(
            folder / "bin",
            nginx=f"[ ! -e {self.refuses} ] || {{ echo key mismatch; exit 1; }}; "
            f'[ "$1" = -t ] || echo "$*" >> {self.calls}',
        )
        text = TEMPLATES.get_template("renewed.sh.j2").render(
            pair=Pair(str(self.certificate), str(self.key))
        )
        for there, here in (
            ("PATH=/usr/sbin", f"PATH={stand_ins}:/usr/sbin"),
            ("/run/omero-web-certificate", str(folder / "loaded")),
            ("/run/nginx.pid", str(self.pid)),
        ):
            assert there in text
            text = text.replace(there, here)
        self._path = folder / "renewed"
        self._path.write_text(text)

    def __call__(self) -> tuple[int, str]:
        done = subprocess.run(["sh", self._path], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    @property
    def reloads(self) -> int:
        return self.calls.read_text().splitlines().count("-s reload")


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


def test_one_reload_for_one_change_of_either_file(script: Script) -> None:
    assert script()[0] == 0
    for name in ("certificate", "key"):
        before = script.reloads
        getattr(script, name).write_text("renewed\n")
        status, said = script()
        assert (status, script.reloads) == (0, before + 1)
        assert "NGINX is reloaded" in said
        assert script() == (0, "")
        assert script.reloads == before + 1


def test_half_a_swap_is_reported_and_loaded_once_it_is_whole(script: Script) -> None:
    script()
    before = script.reloads
    script.certificate.write_text("renewed\n")
    script.refuses.touch()
    status, said = script()
    assert (status, script.reloads) == (1, before)
    assert "key mismatch" in said
    script.refuses.unlink()
    assert script()[0] == 0
    assert script.reloads == before + 1


def test_an_nginx_that_does_not_run_is_not_reloaded(script: Script) -> None:
    for pid in ("", "999999999\n"):
        script.pid.write_text(pid)
        assert script() == (0, "")
    assert script.reloads == 0
