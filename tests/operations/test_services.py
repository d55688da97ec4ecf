"""What is asked of a service and done for it, by a real shell with stand-ins for its manager."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from roles.operations import services
from roles.operations.services import CurrentState, Service, ServiceState
from roles.web.service import _LOG
from tests.integration.hosts import wait_until
from tests.operations.local import ask, programs, run, shell

ALL_WELL = "echo ActiveState=active; echo UnitFileState=enabled; echo NeedDaemonReload=no"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a service, its manager and its stamp live."""
    monkeypatch.setattr(services, "STAMPS", str(tmp_path / "stamps"))
    for name in ("restart", "reload"):
        (tmp_path / name).write_text("1\n")
    script = (
        f'case $1 in show) cat {tmp_path}/state ;; *) echo "$*" >> {tmp_path}/log; '
        f"[ $1 != kill ] || rm {tmp_path}/hangs; "
        f"while [ $1 = restart ] && [ -e {tmp_path}/hangs ]; do sleep 0.1; done; "
        f"[ ! -e {tmp_path}/broken ] || exit 1; {{ {ALL_WELL}; }} > {tmp_path}/state ;; esac"
    )
    path = programs(tmp_path / "bin", systemctl=script)
    monkeypatch.setenv("PATH", path, prepend=":")
    (tmp_path / "state").write_text("ActiveState=inactive\nUnitFileState=disabled\n")
    return tmp_path


def service(host: Path, **fields: Any) -> Service:
    return Service(
        "thing",
        "/bin/thing",
        restart_on=f"cat {host}/restart",
        reload_on=f"cat {host}/reload",
        **fields,
    )


def state(host: Path) -> ServiceState:
    described = service(host)
    found = ask(
        CurrentState,
        unit="thing",
        units=described.units,
        manager="systemd",
        restart_on=described.restart_on,
        reload_on=described.reload_on,
        loaded=described.loaded,
    )
    assert isinstance(found, ServiceState)
    return found


def settle(host: Path, **fields: Any) -> tuple[bool, list[str]]:
    """Whether something was done, and what was asked of the manager."""
    log = host / "log"
    log.write_text("")
    changed = run(services.run, service=service(host, **fields), manager="systemd")
    return changed, log.read_text().splitlines()


def test_a_service_is_started_once_and_then_left_alone(host: Path) -> None:
    changed, asked = settle(host)
    assert changed
    assert asked == ["daemon-reload", "enable -q thing.service", "restart thing"]
    assert state(host) == ServiceState(True, True, False, True, True)
    assert settle(host) == (False, [])


def test_a_service_that_asks_for_more_and_more_time_is_ended(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_START_SECONDS", 1)
    (host / "hangs").touch()
    changed, asked = settle(host, stop_seconds=0)
    assert changed
    assert asked[2:] == ["restart thing", "kill -s KILL thing.service", "restart thing"]
    assert settle(host, stop_seconds=0) == (False, [])


def test_what_needs_a_restart_restarts_it_and_what_needs_a_reload_reloads_it(host: Path) -> None:
    settle(host)
    (host / "reload").write_text("2\n")
    assert not state(host).reloaded
    assert settle(host)[1] == ["enable -q thing.service", "reload thing"]
    (host / "restart").write_text("2\n")
    assert not state(host).restarted
    assert "restart thing" in settle(host)[1]
    assert settle(host) == (False, [])


def test_a_service_that_somebody_started_with_something_else_is_reloaded(host: Path) -> None:
    has_it = f'echo "$now" | grep -qxF "$(cat {host}/running)"'
    (host / "running").write_text("1\n")
    assert settle(host, loaded=has_it)[0]
    assert settle(host, loaded=has_it) == (False, [])
    (host / "running").write_text("0\n")
    assert settle(host, loaded=has_it)[1] == ["enable -q thing.service", "reload thing"]


def test_a_service_that_was_stopped_is_started_again(host: Path) -> None:
    settle(host)
    (host / "state").write_text("ActiveState=failed\nUnitFileState=enabled\n")
    assert "restart thing" in settle(host)[1]


def test_a_run_that_failed_is_taken_up_by_the_next(host: Path) -> None:
    """The stamp is written last: neither a failed start nor one that is not ready counts."""
    (host / "broken").touch()
    with pytest.raises(Exception, match="hosts"):
        settle(host)
    assert not (host / "stamps/thing").exists()
    (host / "broken").unlink()
    with pytest.raises(Exception, match="hosts"):
        settle(host, ready="false")
    assert not (host / "stamps/thing").exists()
    assert settle(host)[0] is True
    assert settle(host) == (False, [])


def test_what_changes_while_the_service_starts_is_taken_up_by_the_next_run(host: Path) -> None:
    settle(host, ready=f"echo 2 > {host}/reload")
    assert settle(host)[1] == ["enable -q thing.service", "reload thing"]


def test_a_stamp_is_the_digests_of_what_the_commands_print(host: Path) -> None:
    """Those of an earlier bundle too, whose hosts are not restarted for another script."""
    (host / "reload").unlink()
    settle(host)
    printed = ["1\n", f"cat: {host}/reload: No such file or directory\n"]
    digests = [hashlib.sha256(each.encode()).hexdigest() for each in printed]
    assert (host / "stamps/thing").read_text() == " ".join(digests) + "\n"
    assert settle(host) == (False, [])


def test_a_change_that_does_not_get_ready_is_taken_back(host: Path) -> None:
    """And only a change: a service that nobody has reloaded yet has nothing to go back to."""
    told = {
        "log": "echo the end of the log",
        "back": f"echo back >> {host}/log",
        "again": f"echo again >> {host}/log",
    }
    with pytest.raises(PyinfraError):
        settle(host, ready="false", **told)
    assert (host / "log").read_text().splitlines()[-1] == "restart thing"
    settle(host)
    stamp = (host / "stamps/thing").read_text()
    (host / "reload").write_text("2\n")
    with pytest.raises(PyinfraError):
        settle(host, ready="false", **told)
    assert (host / "log").read_text().splitlines()[-3:] == ["reload thing", "back", "again"]
    assert (host / "stamps/thing").read_text() == stamp


def test_a_change_that_fails_its_trial_reaches_no_service(host: Path) -> None:
    settle(host, trial="false")  # nothing runs yet that it could disturb
    (host / "reload").write_text("2\n")
    with pytest.raises(PyinfraError):
        settle(host, trial="false", back=f"echo back >> {host}/log")
    assert (host / "log").read_text() == "back\n"


def test_a_command_of_a_service_is_run_as_it_is_written(host: Path) -> None:
    nasty = r"""printf '%s|' "a'b" '$HOME' "$(echo \"x y\")" '"'; echo; # it's a comment"""
    settle(host, ready=f"{{ {nasty}\n}} > {host}/printed")
    assert (host / "printed").read_text() == 'a\'b|$HOME|"x y"|"|\n'


def test_a_socket_stays_while_its_service_starts_again(host: Path) -> None:
    """It holds visitors; only another socket is made anew, and the first time."""
    (host / "socket").write_text("ListenStream=/a\n")
    script = Path(host / "bin/systemctl")
    script.write_text(
        script.read_text().replace("case $1 in", f"case $1 in cat) cat {host}/socket ;;", 1)
    )
    units = "thing.socket thing.service"
    begun = ["daemon-reload", f"enable -q {units}"]
    anew = [f"stop {units}", "start thing.socket", "start thing.service"]
    assert settle(host, socket=True)[1] == [*begun, *anew]
    (host / "restart").write_text("2\n")
    kept = ["is-active -q thing.socket", "restart thing.service"]
    assert settle(host, socket=True)[1] == [*begun, *kept]
    (host / "socket").write_text("ListenStream=/b\n")
    (host / "restart").write_text("3\n")
    assert settle(host, socket=True)[1] == [*begun, *anew]
    assert settle(host, socket=True) == (False, [])


SUPERVISORD = """
[supervisord]
logfile=FOLDER/supervisord.log
pidfile=FOLDER/supervisord.pid
[unix_http_server]
file=FOLDER/socket
username=root
password=another than Debian's
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://FOLDER/socket
username=root
password=another than Debian's
[include]
files=FOLDER/thing.conf
"""


@pytest.fixture
def supervised(host: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same with a supervisor of its own, which is not started yet."""
    configuration = host / "supervisord.conf"
    configuration.write_text(SUPERVISORD.replace("FOLDER", str(host)))
    monkeypatch.setattr(services, "_SUPERVISOR", str(configuration))
    monkeypatch.setattr(services, "PYTHON", sys.executable)
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=":")
    write_program(host, f"echo began >> {host}/log; exec sleep 600")
    yield host
    pid = host / "supervisord.pid"
    if pid.exists():
        number = int(pid.read_text())
        os.kill(number, signal.SIGTERM)
        wait_until(lambda: not Path(f"/proc/{number}").exists(), 30, "supervisord's end")


def write_program(host: Path, script: str) -> None:
    """supervisor's file of the service; the script's processes read HUP as a reload."""
    (host / "thing.sh").write_text(f"trap 'echo reloaded >> {host}/log' HUP\n{script}\n")
    lines = ["[program:thing]", f"command=/bin/sh {host}/thing.sh", "startsecs=1", "startretries=0"]
    lines += [f"stdout_logfile={host}/thing.log", f"environment=SCRIPT='{hash(script)}'"]
    (host / "thing.conf").write_text("\n".join(lines) + "\n")


def supervise(host: Path, **fields: Any) -> tuple[bool, list[str]]:
    """Whether something was done, and what the service did."""
    log = host / "log"
    log.write_text("")
    changed = run(services.run, service=service(host, **fields), manager="supervisor")
    return changed, log.read_text().splitlines()


def test_a_program_is_started_reloaded_and_restarted(supervised: Path) -> None:
    waits = f"echo began >> {supervised}/log; while sleep 0.01; do :; done"
    write_program(supervised, waits)
    assert supervise(supervised) == (True, ["began"])
    assert supervise(supervised) == (False, [])
    (supervised / "reload").write_text("2\n")
    reloaded = f"until grep -q reloaded {supervised}/log; do sleep 0.01; done"
    assert supervise(supervised, ready=reloaded) == (True, ["reloaded"])
    (supervised / "restart").write_text("2\n")
    assert supervise(supervised) == (True, ["began"])
    assert supervise(supervised) == (False, [])


def test_a_changed_program_runs_with_its_new_file(supervised: Path) -> None:
    supervise(supervised)
    write_program(supervised, f"echo another >> {supervised}/log; exec sleep 600")
    (supervised / "restart").write_text("2\n")
    assert supervise(supervised) == (True, ["another"])


def test_a_program_that_was_stopped_manually_is_started(supervised: Path) -> None:
    supervise(supervised)
    stop = ["supervisorctl", "-c", services._SUPERVISOR, "stop", "thing"]
    subprocess.run(stop, check=True, capture_output=True)
    assert supervise(supervised) == (True, ["began"])


def test_a_program_may_have_a_hand_over_of_its_own(supervised: Path) -> None:
    own = {"hand_over": f"echo own >> {supervised}/log"}
    supervise(supervised, **own)
    (supervised / "reload").write_text("2\n")
    assert supervise(supervised, **own) == (True, ["own"])
    assert supervise(supervised, **own) == (False, [])


@pytest.mark.parametrize("script", ["exit 3", "exec /no/such/program"])
def test_a_program_that_does_not_run_is_an_error(
    supervised: Path, script: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_program(supervised, script)
    with pytest.raises(PyinfraError):
        supervise(supervised)
    assert not (supervised / "stamps/thing").exists()
    assert "thing: FATAL Exited too quickly" in caplog.text


@pytest.mark.parametrize(
    ("curl", "supervisorctl", "active"),
    [
        ("echo '<string>RUNNING</string>'", "exit 99", True),
        ("echo '<string>STOPPED</string>'", "exit 99", False),
        # not installed, another socket, or a password on it
        ("exit 127", 'echo "$4 RUNNING pid 5, uptime 0:00:31"', True),
        ("exit 7", "exit 4", False),
    ],
)
def test_supervisor_is_asked_without_starting_a_python_where_that_can_be(
    tmp_path: Path, curl: str, supervisorctl: str, active: bool
) -> None:
    found = ask(
        CurrentState,
        stand_ins=programs(tmp_path / "bin", curl=curl, supervisorctl=supervisorctl),
        unit="thing",
        units="thing.service",
        manager="supervisor",
        restart_on="true",
        reload_on="true",
        loaded="true",
    )
    assert (found.active, found.enabled) == (active, True)


LOG = """[12:01] [7] bad: 1\033
[12:01] [7] [INFO] Booting worker
[12:01] [8] other password
10.0.0.7 "GET /webclient/ HTTP/1.0" 200 512
10.0.0.7 "GET /webclient/ HTTP/1.0" 500 512
Traceback (most recent call last):
  File "x.py", line 1
[12:02] [9] bad: 2\033
"""


@pytest.mark.parametrize("journal", [True, False])
def test_the_end_of_a_log_says_why_and_once(tmp_path: Path, journal: bool) -> None:
    """Lines that differ in numbers alone are shown once; secrets and control characters never."""
    (tmp_path / "log").write_text(LOG)
    show = f"cat {tmp_path}/log"
    stand_ins = programs(
        tmp_path / "bin",
        journalctl=show if journal else "exit 1",
        tail=show,
        omeroweb_ops="[ \"$*\" = 'config redact' ] && sed s/password/***/",
    )
    command = _LOG.replace("/usr/local/bin/omeroweb-ops", f"{stand_ins}/omeroweb-ops")
    assert shell(command, stand_ins=stand_ins).stdout.splitlines()[1:] == [
        "[12:01] [8] other ***",
        '10.0.0.7 "GET /webclient/ HTTP/1.0" 500 512',
        "[12:02] [9] bad: 2?",
    ]


@pytest.mark.parametrize("log", [None, "echo its own, without secrets"])
def test_a_service_that_shows_its_log_itself_has_no_raw_log_shown(
    supervised: Path,
    log: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Where supervisor cannot start it."""
    stand_ins = programs(supervised / "bin", tail="echo raw log")
    monkeypatch.setenv("PATH", stand_ins, prepend=":")
    write_program(supervised, "exit 3")
    with pytest.raises(PyinfraError):
        supervise(supervised, **({"log": log} if log else {}))
    assert ("raw log" in caplog.text) == (log is None)
    assert ("its own" in caplog.text) == (log is not None)
