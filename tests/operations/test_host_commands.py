"""`omero` and `bin/service` as a host has them, run by a real shell in a folder with stand-ins."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from omeroweb_ops.locations import BASE

from roles import host_paths
from roles.conventions import USER
from roles.inventory.settings import Settings
from roles.operations.files import File
from roles.web import files
from roles.web.ice import Wheel
from roles.web.release import Release
from roles.web.service import omero_web
from tests.operations.local import programs, shell

SERVICE = f"{BASE}/bin/service"
SYSTEMCTL = """
case $1 in
    is-active) [ -e FOLDER/runs ] ;;
    show) echo 42 ;;
    start|restart|reload-or-restart) touch FOLDER/runs ;;
    stop) rm -f FOLDER/runs ;;
esac"""
SUPERVISORCTL = """
shift 2
case $1 in
    status) [ -e FOLDER/runs ] && echo "omero-web  RUNNING   pid 42, uptime 0:01:00" ||
        { echo "omero-web  STOPPED  Not started"; exit 3; } ;;
    start|restart) touch FOLDER/runs ;;
    stop) rm -f FOLDER/runs ;;
esac"""


class Host:
    """The scripts in a folder, and a record of what they call. person: who calls them."""

    def __init__(self, folder: Path, manager: str, *, socket: bool = False) -> None:
        self.folder, self.log, self.person = folder, folder / "log", "root"
        (folder / "web/bin").mkdir(parents=True)
        stand_ins = {
            "id": f'case $1 in -u) [ "$(cat {folder}/person)" = root ] && echo 0 || echo 1000 ;; '
            f"*) cat {folder}/person ;; esac",
            "systemctl": self._recording("systemctl", SYSTEMCTL),
            "supervisorctl": self._recording("supervisorctl", SUPERVISORCTL),
            "sudo": self._recording("sudo", ""),
            "flock": self._recording("flock", 'shift 3; exec "$@"'),
            "omeroweb_ops": self._recording(
                "ops", f"[ ! -e {folder}/fails ] || {{ cat {folder}/fails; exit 1; }}"
            ),
        }
        self._stand_ins = programs(folder / "programs", **stand_ins)
        self.release = Release("lock", Wheel(None, "key"), "debian-12-x86_64")
        service = omero_web(self.release, Settings(), manager, socket=socket)
        for item in files.commands(service, Settings(), manager):
            if isinstance(item, File) and item.path in (host_paths.OMERO_COMMAND, SERVICE):
                self._write(Path(item.path).name, item.content)
        programs(
            folder / "web/bin",
            deploy_lock=self._recording("lock", f"[ $1 != is_part ] || [ -e {folder}/deploys ] && "
            f"[ $1 != run ] || {{ shift 2; touch {folder}/deploys; \"$@\"; s=$?; "
            f"rm {folder}/deploys; exit $s; }}"),
            release=self._recording("release", f"[ ! -e {folder}/damaged ]"),
            sandbox=self._recording("sandbox", ""),
        )  # fmt: skip
        (folder / "deploys").touch()  # which holds the lock

    def _recording(self, name: str, script: str) -> str:
        return f'echo "{name} $*" >> {self.log}\n{script.replace("FOLDER", str(self.folder))}'

    def _write(self, name: str, text: str) -> None:
        for here, there in (
            ("/usr/local/bin/omeroweb-ops", f"{self._stand_ins}/omeroweb-ops"),
            (f"{BASE}/", f"{self.folder}/web/"),
        ):
            text = text.replace(here, there)
        path = self.folder / "web/bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def __call__(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        (self.folder / "person").write_text(f"{self.person}\n")
        command = shlex.join([f"{self.folder}/web/bin/{name}", *words])
        return shell(command, stand_ins=self._stand_ins)

    @property
    def calls(self) -> list[str]:
        text = self.log.read_text().replace(f"{self.folder}/web", str(BASE))
        return [line for line in text.splitlines() if not line.startswith("lock is_part")]


@pytest.fixture(params=["systemd", "supervisor"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    return Host(tmp_path, request.param)


# bin/service


def test_start_status_restart_and_stop(host: Host) -> None:
    """Whatever runs services, people read the same."""

    def told(*words: str) -> tuple[int, str]:
        done = host("service", *words)
        return done.returncode, done.stdout.strip()

    assert told("status") == (1, "OMERO.web status... [NOT STARTED]")
    assert told("start") == (0, "Starting OMERO.web... [OK]")
    assert host.calls[-1] == "ops ready --timeout 60"
    assert told("status") == (0, "OMERO.web status... [RUNNING] (PID 42)")
    assert told("restart") == (0, "Restarting OMERO.web... [OK]")
    assert host.calls[-1] == "ops ready --timeout 60 --current"
    assert told("reload") == (0, "Reloading OMERO.web... [OK]")
    assert host.calls[-1] == "ops ready --timeout 60 --current"
    assert told("stop") == (0, "Stopping OMERO.web... [OK]")
    assert told("status") == (1, "OMERO.web status... [NOT STARTED]")


def test_what_does_not_get_ready_says_why_and_where_the_log_is(host: Host) -> None:
    (host.folder / "fails").write_text("no answer at 127.0.0.1:4080\n")
    done = host("service", "start")
    assert (done.returncode, done.stdout) == (1, "Starting OMERO.web... [FAILED]\n")
    why, log = done.stderr.splitlines()
    assert why == "no answer at 127.0.0.1:4080"
    assert log.startswith("The log: ")


def test_another_word_is_refused(host: Host) -> None:
    done = host("service", "explode")
    assert done.returncode == 2
    assert done.stderr == "usage: omero web start|stop|restart|status\n"
    assert host.calls == []


def test_another_user_s_call_goes_through_sudo(host: Host) -> None:
    host.person = USER
    assert host("service", "restart").returncode == 0
    assert host.calls == [f"sudo -n {SERVICE} restart"]


@pytest.mark.parametrize("word", ["start", "stop", "restart"])
def test_a_change_waits_for_a_deploy_and_a_question_does_not(host: Host, word: str) -> None:
    (host.folder / "deploys").unlink()
    assert host("service", word).returncode == 0
    assert host.calls[0] == f"lock run omero web {word} {SERVICE} {word}"
    assert len(host.calls) > 1  # it was done
    host("service", "status")
    assert not any(call.startswith("lock run") for call in host.calls)


def test_a_socket_starts_and_stops_with_the_service_and_stays_on_a_restart(tmp_path: Path) -> None:
    host = Host(tmp_path, "systemd", socket=True)
    for word, units in (
        ("start", "omero-web.socket omero-web.service"),
        ("restart", "omero-web.service"),
        ("stop", "omero-web.socket omero-web.service"),
    ):
        assert host("service", word).returncode == 0
        assert host.calls[0] == f"systemctl {word} {units}"


def test_a_manager_that_fails_is_quoted(tmp_path: Path) -> None:
    host = Host(tmp_path, "systemd")
    (tmp_path / "programs/systemctl").write_text("#!/bin/sh\necho no such unit >&2; exit 5\n")
    done = host("service", "stop")
    assert (done.returncode, done.stdout) == (1, "Stopping OMERO.web... [FAILED]\n")
    assert done.stderr == "no such unit\n"


def test_a_container_is_started_and_stopped_from_outside(tmp_path: Path) -> None:
    done = Host(tmp_path, "image")("service", "stop")
    assert done.returncode == 1
    assert "docker stop it from outside" in done.stderr


# omero


@pytest.mark.parametrize("word", ["start", "stop", "restart", "status"])
def test_omero_web_acts_on_the_service(host: Host, word: str) -> None:
    host("omero", "web", word)
    assert host.calls[0].startswith(("systemctl ", "supervisorctl "))
    assert not any(call.startswith("sandbox") for call in host.calls)


def test_omero_web_clearsessions_is_the_bundle_s_own(host: Host) -> None:
    host("omero", "web", "clearsessions")
    assert host.calls == ["ops sessions clear"]


@pytest.mark.parametrize(
    "words",
    [
        ("web", "config", "nginx"),
        ("login", "web start"),
        ("start", "web"),
        ("import", "it's a file.tiff", "$HOME", "*"),
        (),
    ],
)
def test_all_else_is_upstream_s_in_the_sandbox(host: Host, words: tuple[str, ...]) -> None:
    assert host("omero", *words).returncode == 0
    assert host.calls == [
        "release check",
        " ".join((f"sandbox {BASE}/venv3/bin/omero", *words)).rstrip(),
    ]


def test_config_takes_the_lock_of_all_who_write_it(host: Host) -> None:
    assert host("omero", "config", "set", "omero.web.debug", "true").returncode == 0
    (call,) = [call for call in host.calls if call.startswith("sandbox ")]
    assert re.fullmatch(
        rf"sandbox flock --wait 60 \S+/etc/grid/omeroweb-ops\.lock {BASE}/venv3/bin/omero "
        "config set omero.web.debug true",
        call,
    )


def test_a_release_that_cannot_run_runs_nothing(host: Host) -> None:
    (host.folder / "damaged").touch()
    assert host("omero", "config", "get").returncode == 1
    assert host.calls == ["release check"]


def test_nobody_else_may_run_it(host: Host) -> None:
    host.person = "alice"
    done = host("omero", "web", "start")
    assert done.returncode == 1
    assert done.stderr == (f"omero: run it as root or {USER}, for example: sudo omero web start\n")
    assert host.calls == []
