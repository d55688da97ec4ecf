"""Visitors on slow lines: many sockets that take, or give, a few bytes at a time."""

from __future__ import annotations

import contextlib
import resource
import select
import selectors
import socket
import threading
from collections.abc import Callable, Iterator, Sequence


@contextlib.contextmanager
def slow_readers(address: str, path: str, count: int) -> Iterator[list[socket.socket]]:
    """Each asks for the path and takes 1 kB every half second."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()
    with _many(address, count) as sockets:
        for each in sockets:
            each.sendall(request)
        with _each(sockets, selectors.EVENT_READ, lambda one: one.recv(1024)):
            yield sockets


@contextlib.contextmanager
def slow_writers(address: str, path: str, count: int, size: int) -> Iterator[list[socket.socket]]:
    """Each sends a form of `size` bytes, one byte every half second."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {size}\r\n"
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    with _many(address, count) as sockets:
        for each in sockets:
            each.sendall(head)
        with _each(sockets, selectors.EVENT_WRITE, lambda one: one.send(b"x")):
            yield sockets


@contextlib.contextmanager
def half_requests(address: str, count: int) -> Iterator[list[socket.socket]]:
    """Each begins a request and says no more."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with _many(address, count) as sockets:
        for each in sockets:
            each.sendall(f"GET / HTTP/1.1\r\nHost: {address}\r\nAccept: ".encode())
        yield sockets


def upload(address: str, path: str, size: int, *headers: str) -> int:
    """Send as much of a body as the server takes; the status of its answer.

    size: bytes. headers: lines; without a Content-Length the body comes in chunks.
    """
    chunked = not any(each.startswith("Content-Length") for each in headers)
    part = b"x" * 65536
    sent = b"10000\r\n" + part + b"\r\n" if chunked else part
    lines = [f"POST {path} HTTP/1.1", f"Host: {address}", *headers]
    lines += ["Transfer-Encoding: chunked"] * chunked
    with socket.socket() as one:
        one.settimeout(60)
        one.connect((address, 80))
        one.sendall("\r\n".join([*lines, "", ""]).encode())
        answered = select.poll()  # select() knows 1024 files
        answered.register(one, select.POLLIN)
        for _ in range(size // len(part)):
            if answered.poll(0):
                break
            one.sendall(sent)
        else:
            one.sendall(b"0\r\n\r\n" if chunked else b"x" * (size % len(part)))
        return int(one.recv(4096).split()[1])


@contextlib.contextmanager
def _many(address: str, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(count):
            one = socket.socket()
            stack.enter_context(contextlib.closing(one))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # before it connects
            one.settimeout(30)
            one.connect((address, 80))
            sockets.append(one)
        yield sockets


@contextlib.contextmanager
def _each(
    sockets: Sequence[socket.socket], event: int, act: Callable[[socket.socket], object]
) -> Iterator[None]:
    """Let each socket that is ready act, every half second, until the end."""
    done = threading.Event()

    def turn() -> None:
        with selectors.DefaultSelector() as ready:
            for each in sockets:
                each.setblocking(False)
                ready.register(each, event, data=each)
            while not done.wait(0.5):
                for key, _ in ready.select(0):
                    with contextlib.suppress(OSError):
                        act(key.data)

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
