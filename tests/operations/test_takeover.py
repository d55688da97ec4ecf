"""What ends an existing installation and keeps its files, run by a real shell in a folder."""

from __future__ import annotations

import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roles import takeover
from roles.operations import shell_file
from tests.operations.local import names, programs, shell


class Host:
    """A folder in the place of /, with a record of what was asked of the init system."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        for name in ("etc/systemd/system", "etc/init.d", "etc/cron.d", "etc/cron.daily", "run"):
            (folder / name).mkdir(parents=True)
        self.log.touch()
        systemctl = f"""
            echo "systemctl $*" >> {self.log}
            cat {folder}/run/systemd/system/*.d/* >> {self.log} 2> /dev/null
            [ "$1" != disable ]"""
        self.stand_ins = programs(folder / "bin", systemctl=systemctl)
        update = Path(self.stand_ins) / "update-rc.d"
        update.write_text(f'#!/bin/sh\necho "update-rc.d $*" >> {self.log}\n')
        update.chmod(0o755)

    def boot_systemd(self) -> None:
        (self.folder / "run/systemd/system").mkdir(parents=True)

    def __call__(self, *words: str | Path) -> int:
        script = takeover._END
        for name in ("/etc/", "/run/", "/var/spool/"):
            script = script.replace(name, f"{self.folder}{name}")
        line = shlex.join(map(str, words))
        return shell(f"set -e\n{script}{line}", stand_ins=self.stand_ins).returncode

    @property
    def logged(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_unit_is_stopped_without_its_own_command_and_goes(host: Host) -> None:
    """Its ExecStop is switched off before it stops; a unit that cannot be stopped goes too."""
    unit = host.folder / "etc/systemd/system/it's web.service"
    unit.touch()
    host.boot_systemd()
    assert host("end_unit", unit) == 0
    assert not unit.exists()
    override = ["[Service]", "ExecStop="]
    assert host.logged == [
        *("systemctl daemon-reload", *override),
        *("systemctl disable -q --now it's web.service", *override),
    ]
    assert names(host.folder / "run/systemd/system") == []
    assert host("reload_units") == 0
    assert host.logged[-1] == "systemctl daemon-reload"


def test_where_systemd_does_not_run_a_unit_is_a_file(host: Host) -> None:
    unit = host.folder / "etc/systemd/system/omero-web.service"
    unit.touch()
    assert host("end_unit", unit) == 0
    assert host("reload_units") == 0
    assert host.logged == []
    assert not unit.exists()


@pytest.mark.parametrize("status", [0, 1])
def test_an_init_script_is_stopped_and_goes(host: Host, status: int) -> None:
    script = host.folder / "etc/init.d/omero-web"
    script.write_text(f'#!/bin/sh\necho "script $*" >> {host.log}\nexit {status}\n')
    script.chmod(0o755)
    assert host("end_init_script", script) == 0
    assert host.logged == ["script stop", "update-rc.d omero-web remove"]
    assert not script.exists()


def test_a_job_is_switched_off_and_other_lines_of_its_table_stay(host: Host) -> None:
    table, daily = host.folder / "etc/cron.d/omero", host.folder / "etc/cron.daily/omero-web"
    job = "30 2 * * * omero /opt/omero/web/bin/omero web clearsessions"
    table.write_text(f"# omero web clearsessions\n{job}\n0 1 * * * root true\n")
    daily.touch()
    for path in (table, daily, table):  # a run that was killed is taken up
        assert host("end_job", path) == 0
    assert table.read_text() == (
        f"# omero web clearsessions\n# omeroweb-ops: {job}\n0 1 * * * root true\n"
    )
    assert not daily.exists()


def test_its_processes_end_and_the_bundle_s_own_go_on(host: Host) -> None:
    """Also one that does not heed TERM: here it is killed when the wait is over."""
    base, own = host.folder / "web", host.folder / "web/gunicorn.conf.py"
    sleeps = "import time; time.sleep(60)"
    deaf = (
        f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); {sleeps}"
    )
    daemon = [f"{base}/venv3/bin/gunicorn", "omeroweb.wsgi:application"]
    commands = [
        [sys.executable, "-c", deaf, *daemon],
        [sys.executable, "-c", sleeps, *daemon, "--config", str(own)],
        [sys.executable, "-c", sleeps, f"{base}-second/bin/gunicorn", "omeroweb.wsgi"],
    ]
    programs(host.folder / "bin", seq="echo 1 2 3")  # the wait would be 40 seconds
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for command in commands]
    try:
        assert started[0].stdout and started[0].stdout.readline()
        assert host("end_processes", base, own) == 0
        assert started[0].wait(timeout=20) == -9
        assert [each.poll() for each in started[1:]] == [None, None]
        began = time.monotonic()
        assert host("end_processes", base, own) == 0
        assert time.monotonic() - began < 10
    finally:
        for each in started:
            each.kill()
            each.communicate()


RECEIVE = shell_file.read(takeover.__file__, "receive_file.sh")


def receive(path: Path, text: str) -> int:
    return shell(f"set -- {shlex.quote(str(path))} 640\n{RECEIVE}", stdin=text).returncode


def test_a_file_is_received_once(tmp_path: Path) -> None:
    path = tmp_path / "config file.xml"
    assert receive(path, "<a/>\n") == 0
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("<a/>\n", 0o640)
    assert receive(path, "<b/>\n") == 0  # what the service has by now is newer
    assert path.read_text() == "<a/>\n"
    assert names(tmp_path) == [path.name]


def test_where_nothing_comes_there_is_no_file(tmp_path: Path) -> None:
    """Its owner was not allowed to read it."""
    assert receive(tmp_path / "key", "") == 1
    assert names(tmp_path) == []
