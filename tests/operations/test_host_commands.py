"""`omero` and `bin/service` as a host has them, run by a real shell in a folder with stand-ins."""

from __future__ import annotations

import os
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
    show)
        [ -e FOLDER/unit ] && exec cat FOLDER/unit
        [ -e FOLDER/runs ] && printf "MainPID=42\\nActiveState=active\\n" ||
            printf "MainPID=0\\nActiveState=inactive\\n" ;;
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
        self.manager = manager
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
        (folder / "proc/42").mkdir(parents=True)  # the process manager, and the service's master
        self.name = "main 43"

    @property
    def name(self) -> str:
        """The name of supervisor's child (/proc/PID/comm)."""
        return (self.folder / "proc/42/comm").read_text().strip()

    @name.setter
    def name(self, text: str) -> None:
        (self.folder / "proc/42/comm").write_text(f"{text}\n")

    def _recording(self, name: str, script: str) -> str:
        return f'echo "{name} $*" >> {self.log}\n{script.replace("FOLDER", str(self.folder))}'

    def _write(self, name: str, text: str) -> None:
        for here, there in (
            ("/usr/local/bin/omeroweb-ops", f"{self._stand_ins}/omeroweb-ops"),
            (f"{BASE}/", f"{self.folder}/web/"),
            ("/proc/", f"{self.folder}/proc/"),
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
    pid = 42 if host.manager == "systemd" else 43
    assert told("status") == (0, f"OMERO.web status... [RUNNING] (PID {pid})")
    assert told("restart") == (0, "Restarting OMERO.web... [OK]")
    assert host.calls[-1] == "ops ready --timeout 60 --current"
    assert told("reload") == (0, "Reloading OMERO.web... [OK]")
    assert host.calls[-1] == "ops ready --timeout 60 --current"
    assert told("stop") == (0, "Stopping OMERO.web... [OK]")
    assert told("status") == (1, "OMERO.web status... [NOT STARTED]")


@pytest.mark.parametrize("host", ["systemd"], indirect=True)
@pytest.mark.parametrize(
    ("unit", "told"),
    [
        ("MainPID=0\nActiveState=active\n", "[NOT STARTED]"),  # it has just been killed
        ("MainPID=42\nActiveState=activating\n", "[NOT STARTED]"),
        ("ActiveState=reloading\nMainPID=42\n", "[RUNNING] (PID 42)"),
    ],
)
def test_status_is_of_a_service_with_a_process(host: Host, unit: str, told: str) -> None:
    (host.folder / "unit").write_text(unit)
    assert host("service", "status").stdout == f"OMERO.web status... {told}\n"


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


@pytest.fixture
def supervised(tmp_path: Path) -> Host:
    host = Host(tmp_path, "supervisor")
    (tmp_path / "runs").touch()
    return host


def asked(host: Host) -> list[str]:
    """What was asked of supervisor, but its state."""
    words = [call.removeprefix("supervisorctl -c /etc/supervisor/supervisord.conf ")
             for call in host.calls if call.startswith("supervisorctl")]  # fmt: skip
    return [each for each in words if not each.startswith(("status", "pid"))]


def test_a_restart_and_a_reload_are_the_process_manager_s(supervised: Host) -> None:
    """supervisor itself would close the socket."""
    for word, expected in (("restart", "USR1"), ("reload", "HUP"), ("hand-over", "HUP")):
        assert supervised("service", word).returncode == 0
        assert asked(supervised) == [f"signal {expected} omero-web"]
    assert not any(call.startswith("ops ") for call in supervised.calls)  # a deploy waits itself


def test_a_reload_waits_for_the_successor(supervised: Host) -> None:
    """The wait for the end of a hand-over needs it (wait_ready.HandoverFailed)."""
    (supervised.folder / "proc/43").mkdir()
    successor = supervised.folder / "proc/44/environ"
    stand_in = supervised.folder / "programs/sleep"
    stand_in.write_text(
        f"#!/bin/sh\n[ ! -e {successor} ] || exit 0\nmkdir {successor.parent}\n"
        f"printf 'A=1\\0GUNICORN_PID=43\\0' > {successor}\n"
    )
    stand_in.chmod(0o755)
    assert supervised("service", "reload").returncode == 0
    assert successor.exists()


@pytest.mark.parametrize("word", ["restart", "reload", "hand-over"])
def test_without_a_process_manager_supervisor_starts_it(supervised: Host, word: str) -> None:
    """A deploy from an older bundle was killed before it restarted the service."""
    supervised.name = "gunicorn"
    assert supervised("service", word).returncode == 0
    assert asked(supervised) == ["stop omero-web", "start omero-web"]


def test_a_service_that_is_not_ready_is_not_running(supervised: Host) -> None:
    supervised.name = "starting"
    assert "[NOT STARTED]" in supervised("service", "status").stdout
    assert supervised("service", "restart").returncode == 0
    assert asked(supervised) == ["signal USR1 omero-web"]


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
        " ".join((f"sandbox --directory {Path.cwd()} {BASE}/venv3/bin/omero", *words)).rstrip(),
    ]


@pytest.mark.parametrize(
    "words",
    ["config set omero.web.debug true", "load", "load -k", "-q load", "-s host config get",
     "--debug=0 config load"],
)  # fmt: skip
def test_config_and_load_take_the_lock_of_all_who_write_it(host: Host, words: str) -> None:
    assert host("omero", *words.split()).returncode == 0
    (call,) = [call for call in host.calls if call.startswith("sandbox ")]
    assert re.fullmatch(
        rf"sandbox --directory \S+ flock --wait 60 \S+/etc/grid/omeroweb-ops\.lock "
        rf"{BASE}/venv3/bin/omero {words}",
        call,
    )


@pytest.mark.parametrize("words", ["-g config import", "import load", "web config"])
def test_other_words_take_no_lock(host: Host, words: str) -> None:
    host("omero", *words.split())
    assert not any("flock" in call for call in host.calls)


# omero load: run as daemon, who may not enter a directory that is root's alone


class Loading:
    """The script with upstream's command, which prints where it runs, its words and its input."""

    def __init__(self, folder: Path) -> None:
        self.host = Host(folder, "supervisor")
        self.script = folder / "web/bin/omero"
        text = self.script.read_text().replace(f"={USER} ", "=daemon ")
        self.script.write_text(text)
        programs(folder / "web/bin", sandbox="""shift 6; pwd; shift; echo "$*"; cat""")
        self.directory = folder / "private"
        self.directory.mkdir(0o700)
        for name, content in {"a.omero": "one", "b c.omero": "two\n", ".d": "three\n"}.items():
            (self.directory / name).write_text(content)

    def __call__(
        self, words: str, directory: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        command = f"cd {shlex.quote(str(directory or self.directory))} && {self.script} {words}"
        (self.host.folder / "person").write_text("root\n")
        return shell(command, stdin="from input\n", stand_ins=self.host._stand_ins)


@pytest.fixture
def loading(tmp_path: Path) -> Loading:
    for parent in (tmp_path, *tmp_path.parents[:2]):  # others may pass, and nobody else may write
        parent.chmod(0o755)
    return Loading(tmp_path)


root = pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")


@root
@pytest.mark.parametrize(
    ("words", "given", "read"),
    [
        ("load a.omero", "load", "one\n"),
        ("load -k a.omero 'b c.omero'", "load -k", "one\ntwo\n"),
        ("load PRIVATE/a.omero", "load", "one\n"),
        ("load -g '*.omero' ./.d", "load", "one\ntwo\nthree\n"),
        ("config load -q a.omero .d", "config load -q", "one\nthree\n"),
        ("load", "load", "from input\n"),
        ("config load -", "config load -", "from input\n"),
        ("load none.omero", "load none.omero", "from input\n"),
        ("config set a.omero b", "config set a.omero b", "from input\n"),
    ],
)
def test_root_loads_files_that_the_service_s_user_cannot_read(
    loading: Loading, words: str, given: str, read: str
) -> None:
    done = loading(words.replace("PRIVATE", str(loading.directory)))
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == [given, *read.splitlines()]


@root
def test_root_opens_no_file_that_another_user_may_exchange(loading: Loading) -> None:
    """omero-web could have a link to a file of root's there."""
    theirs = loading.host.folder / "theirs"
    theirs.mkdir(0o755)
    os.chown(theirs, 1, 1)
    (theirs / "a.omero").symlink_to(loading.directory / "a.omero")
    for words in ("load a.omero", "load ../private/a.omero a.omero"):
        done = loading(words, theirs)
        assert (done.returncode, done.stdout) == (1, "")
        assert (
            f"{theirs / 'a.omero'}: {theirs}" in done.stderr or "belongs to daemon" in done.stderr
        )


@root
def test_files_that_the_service_s_user_can_read_are_upstream_s_to_open(loading: Loading) -> None:
    loading.directory.chmod(0o755)
    assert loading("load a.omero").stdout.splitlines()[1:] == ["load a.omero", "from input"]


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
