"""What gunicorn's hooks do with sockets and masters; whole hand-overs are tested on hosts."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from omeroweb_ops.gunicorn import handover, worker_memory
from omeroweb_ops.locations import CURRENT
from omeroweb_ops.releases.static_collect import static_root


def test_the_new_master_is_executed_from_the_release_that_is_linked() -> None:
    """And is given sockets by their numbers: those of systemd are not in a row any more."""
    old = "/opt/omero/web/releases/0123456789ab"
    arguments = [f"{old}/bin/python", f"{old}/bin/gunicorn", "--config", "x", "omeroweb.wsgi"]
    server: Any = SimpleNamespace(
        systemd=True, START_CTX={0: arguments[0], "args": arguments, "cwd": "/"}
    )
    handover.pre_exec_current_release(server)
    program = f"{CURRENT}/bin/gunicorn"
    assert server.START_CTX[0] == program
    assert server.START_CTX["args"] == [program, "--config", "x", "omeroweb.wsgi"]
    assert server.systemd is False


RELIEVE = """
import os, signal, sys
from omeroweb_ops.gunicorn import handover
signal.signal(signal.SIGTERM, lambda *_: os._exit(15))
if os.fork() == 0:                       # the new master
    handover.Predecessor.pid = os.getppid() if sys.argv[1] == "parent" else int(sys.argv[1])
    if os.fork() == 0:                   # its worker
        handover._lead = lambda *_: None  # to systemd
        handover.retire_predecessor(None)
        os._exit(0)
    os.wait()
    os._exit(0)
os.wait()
signal.sigtimedwait({signal.SIGTERM}, 0)
"""


@pytest.mark.parametrize(("predecessor", "status"), [("parent", 15), ("0", 0), ("other", 0)])
def test_only_the_master_that_started_it_is_told_to_end(predecessor: str, status: int) -> None:
    """A number may have gone to another process by then."""
    with subprocess.Popen(["sleep", "60"]) as bystander:
        try:
            given = str(bystander.pid) if predecessor == "other" else predecessor
            done = subprocess.run([sys.executable, "-c", RELIEVE, given], check=False, timeout=30)
            assert done.returncode == status
            assert bystander.poll() is None
        finally:
            bystander.send_signal(signal.SIGKILL)


@pytest.mark.parametrize(("status", "prefix"), [("200 OK", "/omero"), ("503 Away", "")])
def test_a_worker_makes_its_login_page_as_gunicorn_would_ask_for_it(
    monkeypatch: pytest.MonkeyPatch, status: str, prefix: str
) -> None:
    seen: dict[str, Any] = {}

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        seen.update(environ)
        start_response(status, [])
        return SimpleNamespace(close=lambda: None)

    settings = SimpleNamespace(ALLOWED_HOSTS=["*", ".example.org"])
    monkeypatch.setattr("django.conf.settings", settings)
    monkeypatch.setattr(handover, "_takes_over", lambda: True)
    monkeypatch.setattr(handover, "view_path", lambda: "/sso/login")
    monkeypatch.setenv("SCRIPT_NAME", prefix)
    handover.warm_up(SimpleNamespace(wsgi=application))
    assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == (prefix, "/sso/login")
    assert seen["HTTP_HOST"] == "example.org"
    status = "500 Internal Server Error"
    with pytest.raises(RuntimeError, match="answers 500"):
        handover.warm_up(SimpleNamespace(wsgi=application))


LAST = """
import os, signal, subprocess, sys, time
from omeroweb_ops.gunicorn import handover
before = subprocess.Popen(["sleep", "60"])
handover.Predecessor.pid, handover.Predecessor.end = before.pid, time.monotonic() + 60
handover.Predecessor.retired[0] = int(sys.argv[1])
if os.fork() == 0:
    handover.on_exit_wait_for_predecessor(None)
    os._exit(3)
time.sleep(0.5)
waiting = os.waitpid(-1, os.WNOHANG)[0] == 0
before.kill()
before.wait()
if waiting:
    os.wait()
print(waiting)
"""


@pytest.mark.parametrize("told", [0, 1])
def test_a_master_waits_for_the_one_before_if_that_was_told_to_end(told: int) -> None:
    """One that has not taken over, because its workers do not start, must not wait."""
    done = subprocess.run(
        [sys.executable, "-c", LAST, str(told)],
        check=True,
        timeout=30,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(bool(told))


def test_a_worker_ends_after_its_request_once_it_has_grown() -> None:
    said: list[tuple[Any, ...]] = []
    log = SimpleNamespace(info=lambda *words: said.append(words))
    worker = SimpleNamespace(alive=True, pid=os.getpid(), log=log)
    worker_memory.recycle_above(1 << 40)(worker, None, None, None)
    assert worker.alive
    worker_memory.recycle_above(1 << 20)(worker, None, None, None)
    assert not worker.alive
    assert len(said) == 1


def test_a_busy_worker_looks_at_its_memory_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def resident() -> int:
        looks.append(1)
        return 0

    times = iter((1000.0, 1000.5, 1000.9, 1000.0 + worker_memory.INTERVAL))
    monkeypatch.setattr(worker_memory, "resident", resident)
    after = worker_memory.recycle_above(1 << 40, times.__next__)
    for _ in range(4):
        after(SimpleNamespace(alive=True), None, None, None)
    assert len(looks) == 2


def test_static_files_named_by_the_link_are_those_of_the_release_itself() -> None:
    assert static_root(str(CURRENT / "static")) == Path(sys.prefix, "static")
    assert static_root("/srv/static") == Path("/srv/static")


def test_a_socket_of_systemd_is_told_by_its_path(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one, socket.socket() as other:
        one.bind(str(tmp_path / "s"))
        other.bind(("127.0.0.1", 0))
        assert handover._is_path(one)
        assert not handover._is_path(other)
