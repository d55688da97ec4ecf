"""What supervisor's child does for the service: real processes, and a real gunicorn."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from omeroweb_ops.processes import stat

from roles.web import process_manager
from roles.web.process_manager import Notification, parse
from tests.operations.gunicorn_service import Service, eventually, running
from tests.unit.helpers import installation

# A service that writes its process, its socket and its start into files, and acts on commands.
STAND_IN = """
import os, signal, socket, sys, time
folder = sys.argv[1]
with open(f"{folder}/starts", "a") as file:
    print(os.getpid(), os.environ.get("LISTEN_FDS", 0), os.environ.get("LISTEN_PID"), file=file)
if os.path.exists(f"{folder}/fails"):
    sys.exit(1)
address = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
def notify(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.sendto(text.encode(), address)
signal.signal(signal.SIGUSR2, lambda *_: open(f"{folder}/handed over", "a").close())
while os.path.exists(f"{folder}/starting"):
    time.sleep(0.01)
notify(f"MAINPID={os.getpid()}\\nREADY=1")
while True:
    if os.path.exists(f"{folder}/reports"):
        notify("WATCHDOG_USEC=1500000\\nWATCHDOG=1")
        open(f"{folder}/has reported", "a").close()
    time.sleep(0.05)
"""


class StandIn:
    """The process manager with the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "stand-in").write_text(STAND_IN)
        self.manager = self.run()

    def run(self) -> subprocess.Popen[bytes]:
        command = f"{sys.executable} {self.folder}/stand-in {self.folder}"
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", process_manager.__file__, "5"],
                env={process_manager.COMMAND: command},
                stdin=subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def starts(self) -> list[int]:
        """The process of each start."""
        with contextlib.suppress(FileNotFoundError):
            return [int(line.split()[0]) for line in (self.folder / "starts").open()]
        return []

    @property
    def name(self) -> str:
        return Path(f"/proc/{self.manager.pid}/comm").read_text().strip()

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def ready(self, starts: int) -> int:
        """Wait for that start's READY. Return its process."""
        eventually(lambda: len(self.starts) == starts and self.name == f"main {self.starts[-1]}")
        return self.starts[-1]

    def end(self) -> None:
        self.manager.kill()
        self.manager.wait()
        for each in self.starts:
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path)
    yield stand_in
    stand_in.end()


def is_running(pid: int) -> bool:
    """A zombie does not run: this machine's first process may reap nothing."""
    try:
        return stat(pid)[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("message", "notification"),
    [
        (b"MAINPID=42\nREADY=1", Notification(42, is_ready=True)),
        (b"READY=1\nSTATUS=Gunicorn arbiter booted", Notification(is_ready=True)),
        (b"WATCHDOG_USEC=36000000\nWATCHDOG=1", Notification(is_alive=True, watchdog=36.0)),
        (b"WATCHDOG_USEC=0", Notification(watchdog=0.0)),
        (b"MAINPID=-1\nWATCHDOG_USEC=\xff\nREADY=0\nno assignment", Notification()),
        (b"MAINPID=" + b"9" * 5000, Notification()),
        (b"", Notification()),
    ],
)
def test_a_notification_is_parsed(message: bytes, notification: Notification) -> None:
    assert parse(message) == notification


def test_a_killed_service_starts_again_and_the_name_is_its_process(stand_in: StandIn) -> None:
    first = stand_in.ready(1)
    os.kill(first, signal.SIGKILL)
    assert stand_in.ready(2) != first
    assert "the main process has ended (-9)" in stand_in.log


def test_a_service_that_stops_reporting_is_killed(stand_in: StandIn) -> None:
    first = stand_in.ready(1)
    (stand_in.folder / "reports").touch()
    eventually((stand_in.folder / "has reported").exists)
    os.kill(first, signal.SIGSTOP)
    assert stand_in.ready(2) != first
    assert f"{first} does not report and is killed" in stand_in.log


def test_a_service_that_never_reported_is_not_killed_for_it(tmp_path: Path) -> None:
    """A release of an older bundle does not report."""
    manager = process_manager.Manager.__new__(process_manager.Manager)
    manager.main, manager.is_ready, manager.hands_over, manager.watchdog = 0, True, False, 0.0
    manager.alive_until = 0.0
    manager._accept(Notification(is_alive=True))
    assert manager.alive_until == float("inf")
    manager._accept(Notification(watchdog=5.0))
    assert manager.alive_until < float("inf")
    manager._accept(Notification(watchdog=0.0))
    assert manager.alive_until == float("inf")


def test_hup_hands_over_as_soon_as_the_service_is_ready(tmp_path: Path) -> None:
    (tmp_path / "starting").touch()
    stand_in = StandIn(tmp_path)
    try:
        eventually(lambda: stand_in.starts and stand_in.name == "starting")
        stand_in.manager.send_signal(signal.SIGHUP)
        (tmp_path / "starting").unlink()
        eventually((tmp_path / "handed over").exists)
        assert len(stand_in.starts) == 1
    finally:
        stand_in.end()


def test_hup_starts_a_failing_service_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rollback: nobody waits for the next attempt."""
    (tmp_path / "fails").touch()
    stand_in = StandIn(tmp_path)
    try:
        eventually(lambda: "has ended (1)" in stand_in.log)
        (tmp_path / "fails").unlink()
        stand_in.manager.send_signal(signal.SIGHUP)
        stand_in.ready(2)
    finally:
        stand_in.end()


def test_usr1_restarts_and_term_ends_everything(stand_in: StandIn) -> None:
    first = stand_in.ready(1)
    stand_in.manager.send_signal(signal.SIGUSR1)
    second = stand_in.ready(2)
    assert not is_running(first)
    stand_in.manager.send_signal(signal.SIGTERM)
    assert stand_in.manager.wait(30) == 0
    assert not is_running(second)


def test_a_service_that_does_not_end_is_killed(stand_in: StandIn) -> None:
    first = stand_in.ready(1)
    os.kill(first, signal.SIGSTOP)
    stand_in.manager.send_signal(signal.SIGTERM)
    assert stand_in.manager.wait(30) == 0
    assert not is_running(first)


def test_another_process_manager_ends_what_a_killed_one_has_left(stand_in: StandIn) -> None:
    """Also one that still runs, because supervisor itself was killed."""
    first = stand_in.ready(1)
    stand_in.manager.kill()
    stand_in.manager.wait()
    stand_in.manager = stand_in.run()
    second = stand_in.ready(2)
    assert not is_running(first)
    former, stand_in.manager = stand_in.manager, stand_in.run()
    stand_in.ready(3)
    assert former.wait(30) is not None
    assert not is_running(second)


@pytest.mark.skipif(os.getuid() != 0, reason="becoming another user takes root")
def test_notifications_of_another_user_and_foreign_processes_do_not_count(
    stand_in: StandIn,
) -> None:
    first = stand_in.ready(1)
    environ = Path(f"/proc/{first}/environ").read_bytes()
    (address,) = (
        each.partition(b"=")[2] for each in environ.split(b"\0") if each.startswith(b"NOTIFY")
    )
    send = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
        "s.sendto(sys.argv[2].encode(), sys.argv[1].replace('@', '\\0', 1))"
    )
    for text, user in ((f"MAINPID={first}\nWATCHDOG_USEC=1", "daemon"), ("MAINPID=1", "root")):
        command = ["/usr/bin/python3", "-c", send, address.decode(), text]
        subprocess.run(command, check=True, user=user, cwd="/")
    stand_in.manager.send_signal(signal.SIGHUP)  # which is answered after the notifications
    eventually((stand_in.folder / "handed over").exists)
    assert stand_in.name == f"main {first}"
    assert stand_in.log == ""


# A real gunicorn, at the socket that supervisor has opened


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "sock"))
        one.listen(4096)
        yield one


@pytest.fixture
def managed(tmp_path: Path, listener: socket.socket) -> Iterator[Service]:
    with running(installation(tmp_path)) as service:
        service.apply()
        assert service.start(managed=listener) is None
        yield service


class Visitors(threading.Thread):
    """Requests without a pause, by the Unix socket, as NGINX sends them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.failures, self.pages = path, list[str](), list[str]()
        self._done = threading.Event()

    def __enter__(self) -> Visitors:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()

    def run(self) -> None:
        while not self._done.wait(0.002):
            try:
                status, page = get(self.path)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                continue
            self.pages.append(page)
            if status != 200:
                self.failures.append(str(status))


def get(path: Path, page: str = "/webclient/login/") -> tuple[int, str]:
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(60)
    connection.sock.connect(str(path))
    with contextlib.closing(connection):
        connection.request("GET", page, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@contextlib.contextmanager
def slow_request(path: Path, seconds: float) -> Iterator[list[tuple[int, str]]]:
    """A request that a worker has begun; its answer, unless the connection was closed."""
    answers = list[tuple[int, str]]()
    name = path.parent / "slow"

    def ask() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answers.append(get(path, f"/slow/?seconds={seconds}&begun={name}"))

    thread = threading.Thread(target=ask)
    thread.start()
    eventually(name.exists)
    yield answers
    thread.join()


def test_no_visitor_meets_a_hand_over_or_a_restart(managed: Service, tmp_path: Path) -> None:
    assert managed.process
    with Visitors(tmp_path / "sock") as visitors:
        for number, sent in enumerate((signal.SIGHUP, signal.SIGHUP, signal.SIGUSR1)):
            before = managed.master()
            managed.page = f"page {number}"
            managed.apply(page_size=number + 3)
            managed.process.send_signal(sent)
            eventually(lambda before=before: not is_running(before))
            assert managed.ready() is None
            assert get(tmp_path / "sock") == (200, f"page {number}")
            name = Path(f"/proc/{managed.process.pid}/comm").read_text()
            assert name == f"main {managed.master()}\n"
    assert visitors.failures == []
    assert {"page 0", "page 1", "page 2"} <= {*visitors.pages}


def test_no_visitor_meets_a_killed_master(managed: Service, tmp_path: Path) -> None:
    """A short request ends, and who comes then waits."""
    gunicorns = (managed.master(), *managed.accepting())
    with Visitors(tmp_path / "sock") as visitors, slow_request(tmp_path / "sock", 0.3) as answers:
        os.kill(gunicorns[0], signal.SIGKILL)
        eventually(lambda: not any(map(is_running, gunicorns)))
        assert get(tmp_path / "sock") == (200, "first")
    assert answers == [(200, "first")]
    assert visitors.failures == []
    assert managed.master() not in gunicorns


def test_a_killed_successor_is_replaced_while_its_predecessor_has_requests(
    managed: Service, tmp_path: Path
) -> None:
    """The successor is the predecessor's child then, whose end the kernel does not report."""
    assert managed.process
    predecessor = managed.master()
    with slow_request(tmp_path / "sock", 9):
        managed.process.send_signal(signal.SIGHUP)
        eventually(lambda: managed.accepting() and managed.master() != predecessor)
        successor = managed.master()
        assert is_running(predecessor)
        os.kill(successor, signal.SIGKILL)
        eventually(lambda: not is_running(predecessor))
        assert get(tmp_path / "sock") == (200, "first")
        assert managed.master() not in (predecessor, successor)


def test_a_stop_gives_requests_their_time(managed: Service, tmp_path: Path) -> None:
    assert managed.process
    gunicorns = {managed.master(), *managed.accepting()}
    with slow_request(tmp_path / "sock", 3) as answers:
        managed.process.send_signal(signal.SIGTERM)
        assert managed.process.wait(60) == 0
    assert answers == [(200, "first")]
    assert not any(map(is_running, gunicorns))
