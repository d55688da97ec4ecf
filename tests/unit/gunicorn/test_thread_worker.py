"""The worker class, in a real gunicorn with a small application."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest

APP = Path(__file__).parents[3] / "app"
THREADS = 4
TIMEOUT = 2  # seconds, of a request that hangs
# /login/ waits, as for an OMERO.server that does not answer, for a file; /hang for ever.
APPLICATION = """
import os, time
def application(environ, start):
    path, folder = environ["PATH_INFO"], os.environ["FOLDER"]
    if path == "/hang":
        time.sleep(3600)
    while path == "/login/" and not os.path.exists(folder + "/server"):
        time.sleep(0.05)
    while environ["wsgi.input"].read(1 << 20):
        pass
    body = str(os.getpid()).encode()
    if path == "/peer":
        body = environ["REMOTE_ADDR"].encode()
    if path == "/download":
        body = b"x" * (8 << 20)
    start("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
CONFIGURATION = """
from omeroweb_ops.gunicorn import heartbeat, log_rotation, worker_memory
worker_class = "omeroweb_ops.gunicorn.thread_worker.ThreadWorker"
accesslog = "-"
access_log_format = "%(m)s %(U)s %({user-agent}i)s"
keepalive = 0
graceful_timeout = 1
control_socket_disable = True
when_ready = heartbeat.to_file(__import__("pathlib").Path(FOLDER, "heartbeat"))
post_worker_init = lambda worker: log_rotation.prepare()
"""


@dataclass
class Server:
    """A running gunicorn. url: host and port."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), 30)
        return client

    def get(self, path: str = "/", method: str = "GET", **named: Any) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, **named)
        return connection.getresponse()

    def worker(self) -> int:
        return int(self.get().read())

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "surrogateescape")


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start gunicorn with some workers and further lines of its configuration."""
    with contextlib.ExitStack() as stack:

        def begin(workers: int = 1, more: str = "", host: str = "127.0.0.1") -> Server:
            (tmp_path / "application.py").write_text(APPLICATION)
            text = CONFIGURATION.replace("FOLDER", repr(str(tmp_path))) + more
            (tmp_path / "conf.py").write_text(text)
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            log = stack.enter_context((tmp_path / "log").open("wb"))
            process = stack.enter_context(
                subprocess.Popen(
                    [
                        *(sys.executable, "-m", "gunicorn", "--config", "conf.py"),
                        *("--bind", f"{host}:{port}", "--workers", str(workers)),
                        *("--threads", str(THREADS), "--timeout", str(TIMEOUT)),
                        "application:application",
                    ],
                    cwd=tmp_path,
                    env=os.environ | {"PYTHONPATH": str(APP), "FOLDER": str(tmp_path)},
                    stdout=log,
                    stderr=log,
                )
            )
            stack.callback(process.kill)
            server = Server(process, port, tmp_path)
            with contextlib.suppress(OSError):
                server.get()
            wait_until(lambda: "Booting worker" in server.log())
            return server

        yield begin


@contextlib.contextmanager
def downloads(server: Server, count: int) -> Iterator[list[socket.socket]]:
    """Visitors who take nothing of their answers."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(count)]
        for client in clients:
            client.sendall(b"GET /download HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1)  # it has a thread
        yield clients


def whole(client: socket.socket) -> bool:
    """Whether the rest of a download comes."""
    size = 0
    while more := client.recv(1 << 20):
        size += len(more)
    return size > 8 << 20


def test_two_hundred_slow_headers_hold_up_nobody(start: Callable[..., Server]) -> None:
    server = start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(200)]
        for client in clients:
            client.sendall(b"\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n")
        server.get()  # the first in the queue behind all of them
        for turn in range(10):
            for client in clients:
                client.sendall(b"X-%d: y\r\n" % turn)
            began = time.monotonic()
            assert server.get().status == 200
            assert time.monotonic() - began < 2
        for client in clients:
            client.sendall(b"\r\n")
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            client.close()
        endless = stack.enter_context(server.connect())
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                endless.sendall(b"X: " + b"y" * 1000)
        with contextlib.suppress(ConnectionError):
            assert endless.recv(1000).startswith(b"HTTP/1.1 431 ")
        assert server.get().status == 200


def test_a_full_worker_leaves_visitors_to_others(start: Callable[..., Server]) -> None:
    server = start(workers=2)
    wait_until(lambda: server.log().count("Booting worker") == 2)
    with downloads(server, 2 * THREADS - 1) as clients:
        for _ in range(20):
            began = time.monotonic()
            assert server.get().status == 200
            assert time.monotonic() - began < 1
        assert all(map(whole, clients))


def test_a_header_that_comes_late_does_not_wait_behind_downloads(
    start: Callable[..., Server],
) -> None:
    server = start()
    with server.connect() as late:
        late.sendall(b"GET / HTTP/1.1\r\n")
        with downloads(server, THREADS) as clients:
            late.settimeout(5)
            late.sendall(b"Host: x\r\n\r\n")
            assert late.recv(15) == b"HTTP/1.1 200 OK"
            assert all(map(whole, clients))


def test_a_visitor_slower_than_the_timeout_has_a_whole_download(
    start: Callable[..., Server],
) -> None:
    server = start()
    with downloads(server, THREADS) as clients, server.connect() as upload:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
        time.sleep(TIMEOUT + 1.5)  # what is tested
        assert all(map(whole, clients))
        upload.sendall(head)
        for _ in range(4):
            time.sleep((TIMEOUT + 1) / 4)
            upload.sendall(b"x")
        assert upload.recv(15) == b"HTTP/1.1 200 OK"
    assert "hang" not in server.log()


@pytest.mark.parametrize("hung", [1, THREADS])
def test_a_worker_in_which_requests_hang_is_replaced_after_its_downloads(
    start: Callable[..., Server], hung: int
) -> None:
    server = start()
    before = server.worker()
    with contextlib.ExitStack() as stack:
        (client,) = stack.enter_context(downloads(server, 1)) if hung == 1 else (None,)
        for _ in range(hung):
            stack.enter_context(server.connect()).sendall(b"GET /hang HTTP/1.0\r\n\r\n")
        said = f"Worker {before} ends, because a request hangs: GET /hang at "
        wait_until(lambda: server.log().count(said) == hung)
        if client:
            assert server.worker() == before  # it still serves
            assert whole(client)
        wait_until(lambda: server.worker() != before)
    assert "application.py:6 application" in server.log()


@pytest.mark.parametrize(
    "more",
    [
        "max_requests = 5",
        "memory = (worker_memory.resident() * 9) // 10; "
        "post_request = worker_memory.recycle_above(memory)",
    ],
)
def test_a_worker_is_replaced_once_it_has_no_download(
    start: Callable[..., Server], more: str
) -> None:
    server = start(more=more)
    before = server.worker()
    with downloads(server, 1) as (client,):
        time.sleep(1.5)  # longer than thread_worker.LONG_REQUEST: it is a download now
        assert {server.worker() for _ in range(10)} == {before}
        assert whole(client)
    wait_until(lambda: server.worker() != before)
    assert server.process.poll() is None


def test_logins_that_wait_for_a_server_leave_threads_to_others(
    start: Callable[..., Server],
) -> None:
    server = start()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(server.connect()) for _ in range(20)]
        for client in clients:
            client.sendall(b"POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        for _ in range(10):
            began = time.monotonic()
            assert server.get().status == 200
            assert time.monotonic() - began < 1
        given_up = clients.pop(10)
        given_up.close()
        (server.folder / "server").touch()
        for client in clients:
            assert client.recv(15) == b"HTTP/1.1 200 OK"
            client.close()
    wait_until(lambda: server.log().count("POST /login/") >= 19)
    assert server.log().count("POST /login/") == 19


def test_logins_that_hang_in_every_worker_leave_the_site_to_others(
    start: Callable[..., Server],
) -> None:
    server = start(workers=2)
    wait_until(lambda: server.log().count("Booting worker") == 2)
    workers = {int(each) for each in re.findall(r"Booting worker with pid: (\d+)", server.log())}
    request = b"POST /login/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    with contextlib.ExitStack() as stack:
        clients = []
        for other in workers:
            os.kill(other, signal.SIGSTOP)
            group = [stack.enter_context(server.connect()) for _ in range(10)]
            for client in group:
                client.sendall(request)
            server.worker()  # behind all of them
            os.kill(other, signal.SIGCONT)
            clients += group

        def all_replaced() -> bool:
            began = time.monotonic()
            worker = server.worker()
            assert time.monotonic() - began < 2
            return server.log().count("Booting worker") == 4 and worker not in workers

        wait_until(all_replaced)
        answers = []
        for client in clients:
            with contextlib.suppress(ConnectionError):
                answers.append(client.recv(12))
        assert answers.count(b"HTTP/1.1 503") >= 2 * (10 - THREADS // 2)


def test_the_master_reports_while_a_worker_s_loop_turns(
    start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeats = "heartbeat.INTERVAL, heartbeat.WORKER_TIMEOUT = 0.1, 1.5"
    server = start(more=heartbeats)
    beat = server.folder / "heartbeat"
    wait_until(beat.exists)

    def beats(seconds: float = 3) -> bool:
        before, end = beat.stat().st_mtime_ns, time.monotonic() + seconds
        while beat.stat().st_mtime_ns == before and time.monotonic() < end:
            time.sleep(0.05)
        return beat.stat().st_mtime_ns != before

    worker = server.worker()
    with contextlib.ExitStack() as stack:
        for _ in range(THREADS):  # all of them busy
            stack.enter_context(server.connect()).sendall(b"GET /login/ HTTP/1.0\r\n\r\n")
        assert beats()
        (server.folder / "server").touch()
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: not beats(1.5), 10)
    os.kill(worker, signal.SIGCONT)
    assert beats(5)
    server.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: not beats(1.5), 10)
    server.process.send_signal(signal.SIGCONT)
    assert beats(5)


def test_nobody_writes_lines_or_secrets_into_the_log(start: Callable[..., Server]) -> None:
    server = start()
    path = b"/a%0aforged%0db%1b[31m%c2%85c%e2%80%a8d?password=geheim"
    for request in (
        b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nUser-Agent: e\xc2\x85e\r\n\r\n",
        b"GET " + path + b" HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GE\x85T " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with server.connect() as client:
            client.sendall(request)
            client.recv(1000)
    wait_until(lambda: server.log().count("forged") >= 1)
    wait_until(lambda: "Invalid" in server.log())
    text = server.log()
    assert "geheim" not in text
    assert all(line.isprintable() for line in text.split("\n")), text
    assert not [line for line in text.split("\n") if line.startswith("forged")]


def test_an_ipv4_visitor_of_an_ipv6_socket_has_an_ipv4_address(
    start: Callable[..., Server],
) -> None:
    assert start(host="[::]").get("/peer").read() == b"127.0.0.1"


EARLY_STOP = """
import signal
from omeroweb_ops.gunicorn import post_fork, site_options
post_fork = site_options.chain(post_fork.end_if_stopped, post_fork.end_with_master)
def stop_the_first():
    if not os.path.exists(FOLDER + "/stopped"):
        open(FOLDER + "/stopped", "w").close()
        os.kill(os.getpid(), signal.SIGNAL)
import os
FOLDER = os.environ["FOLDER"]
os.register_at_fork(after_in_child=stop_the_first)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGQUIT"])
def test_a_worker_that_is_stopped_before_it_has_handlers_ends(
    start: Callable[..., Server], name: str
) -> None:
    """Otherwise a service that is stopped while it starts ends after graceful_timeout."""
    server = start(more=EARLY_STOP.replace("SIGNAL", name))
    serving = server.worker()
    booted = [int(each) for each in re.findall(r"Booting worker with pid: (\d+)", server.log())]
    assert len(booted) == 2
    assert serving == booted[1]
    assert not Path("/proc", str(booted[0])).exists()
