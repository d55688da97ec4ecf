"""What is asked of a service and done for it, by a real shell with stand-ins for its manager."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from roles.operations import services
from roles.operations.services import CurrentState, Service, ServiceState
from roles.web.service import _LOG
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


SUPERVISORCTL = """
shift 2
[ "$1" = status ] || [ "$1" = pid ] || echo "$*" >> FOLDER/log
case $1 in
    status) cat FOLDER/status; exit 3 ;;
    start) echo "thing $(cat FOLDER/after) pid 5" > FOLDER/status ;;
    stop) echo "thing STOPPED" > FOLDER/status ;;
esac
"""


@pytest.fixture
def supervised(host: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same where supervisor runs services. after: what becomes of a service that is started."""
    script = SUPERVISORCTL.replace("FOLDER", str(host))
    programs(host / "bin", supervisorctl=script, curl="exit 7")
    (host / "status").write_text("thing STOPPED\n")
    (host / "after").write_text("RUNNING")
    return host


def supervise(host: Path) -> tuple[bool, list[str]]:
    (host / "log").write_text("")
    changed = run(services.run, service=service(host), manager="supervisor")
    return changed, (host / "log").read_text().splitlines()


def test_a_program_is_started_reloaded_and_restarted(supervised: Path) -> None:
    assert supervise(supervised) == (True, ["update thing", "start thing"])
    assert supervise(supervised) == (False, [])
    (supervised / "reload").write_text("2\n")
    assert supervise(supervised) == (True, ["signal HUP thing"])
    (supervised / "restart").write_text("2\n")
    assert supervise(supervised)[1] == ["stop thing", "update thing", "start thing"]
    assert supervise(supervised) == (False, [])


def test_a_program_may_have_a_hand_over_of_its_own(supervised: Path) -> None:
    own = service(supervised, hand_over=f"echo own >> {supervised}/log")
    run(services.run, service=own, manager="supervisor")
    (supervised / "reload").write_text("2\n")
    (supervised / "log").write_text("")
    assert run(services.run, service=own, manager="supervisor")
    assert (supervised / "log").read_text() == "own\n"
    assert not run(services.run, service=own, manager="supervisor")


def test_a_program_that_does_not_run_is_an_error(supervised: Path) -> None:
    (supervised / "after").write_text("FATAL")
    with pytest.raises(PyinfraError):
        supervise(supervised)
    assert not (supervised / "stamps/thing").exists()


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
    host: Path, log: str | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where supervisor cannot start it."""
    stand_ins = programs(
        host / "bin",
        supervisorctl='case $3 in status) echo "$4 FATAL"; exit 3 ;; esac',
        tail="echo raw log",
        curl="exit 7",
    )
    monkeypatch.setenv("PATH", f"{stand_ins}:{os.environ['PATH']}")
    failing = service(host, **({"log": log} if log else {}))
    with pytest.raises(PyinfraError):
        run(services.run, service=failing, manager="supervisor")
    assert ("raw log" in caplog.text) == (log is None)
    assert ("its own" in caplog.text) == (log is not None)
    assert "thing FATAL" in caplog.text
