"""What is asked of a service and done for it, by a real shell with stand-ins for its manager."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from roles.operations import services
from roles.operations.services import CurrentState, Service, ServiceState
from tests.operations.local import ask, programs, run

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
