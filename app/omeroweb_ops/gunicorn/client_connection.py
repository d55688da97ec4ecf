"""A client's connection, as the worker class needs it: who is waited for, and what has come."""

from __future__ import annotations

import contextlib
import math
import re
import socket
import sys
import time
from typing import Any

from gunicorn.util import close_graceful
from gunicorn.workers import gthread

HEADER_LIMIT = 1 << 15  # bytes; as much as NGINX passes on (large_client_header_buffers)
CLOSE_TIMEOUT = 0.5  # seconds for a client to take the end of its answer
# Each may wait long for an OMERO.server that is unreachable.
LOGIN = re.compile(rb"POST \S*/login/?[?\s]|\S+ \S*[?&](?:password|bsession)=")
PLACE_CALLS = 12
_END = b"\r\n\r\n"


class ClientSocket(socket.socket):
    """A client's connection. working_since: when the application was last given something to do
    (time.monotonic); math.inf while the client is waited for."""

    working_since = math.inf

    @contextlib.contextmanager
    def _waiting(self) -> Any:
        self.working_since = math.inf
        try:
            yield
        finally:
            self.working_since = time.monotonic()

    def recv(self, *arguments: Any) -> bytes:
        """As socket.recv."""
        with self._waiting():
            return super().recv(*arguments)

    def sendall(self, *arguments: Any) -> None:
        """As socket.sendall."""
        with self._waiting():
            super().sendall(*arguments)

    def sendfile(self, *arguments: Any, **named: Any) -> int:
        """As socket.sendfile."""
        with self._waiting():
            return super().sendfile(*arguments, **named)


class Connection(gthread.TConn):  # type: ignore[misc] # gunicorn has no types
    """A client's connection. since: when it was accepted, and later when its request had come.
    header: what has been read of it. is_login: whether its request logs somebody in. thread: that
    works on it, as threading.get_ident() has it."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.since, self.header = time.monotonic(), b""
        self.is_login, self.thread = False, 0

    def read_header(self) -> bool:
        """Read what has come; whether the header is whole. Raises OSError if no more will come."""
        more = self.sock.recv(HEADER_LIMIT)
        if not more:
            raise ConnectionError("closed by the client")
        # Empty lines may come before a request (RFC 9112, section 2.2): they end no header.
        self.header = (self.header + more).lstrip(b"\r\n")
        return _END in self.header

    def begin(self) -> None:
        """Let gunicorn's parser have the header."""
        self.is_login = LOGIN.match(self.header) is not None
        self.init()
        self.parser.unreader.unread(self.header)
        self.header = b""

    def place(self) -> str:
        """What was asked for, and where in the code its thread is, the innermost call first."""
        frame = sys._current_frames().get(self.thread)
        calls: list[str] = []
        while frame and len(calls) < PLACE_CALLS:
            code = frame.f_code
            calls.append(f"{code.co_filename}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        message = self.parser.mesg
        return f"{message.method} {message.path} at " + ", ".join(calls) if message else ""

    def is_given_up(self) -> bool:
        """Whether the client, or NGINX for it, has closed the connection meanwhile."""
        try:
            return not self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self, graceful: bool = False) -> None:
        """Close it, unless it is closed."""
        if self.sock.fileno() < 0:
            return
        if graceful:
            close_graceful(self.sock, CLOSE_TIMEOUT)
        else:
            self.sock.close()
