"""Client connections for the worker class: when the application works, and the request's header."""

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
CLOSE_TIMEOUT = 0.5  # seconds for a client to receive the end of its answer
# Requests that may wait long for an unreachable OMERO.server.
LOGIN = re.compile(rb"POST \S*/login/?[?\s]|\S+ \S*[?&](?:password|bsession)=")
PLACE_CALLS = 12
_END = b"\r\n\r\n"


class ClientSocket(socket.socket):
    """A client's socket that records when the application works.

    working_since: when the application last got control (time.monotonic); math.inf while the worker
    waits for the client.
    """

    working_since = math.inf

    @contextlib.contextmanager
    def _waiting(self) -> Any:
        self.working_since = math.inf
        try:
            yield
        finally:
            self.working_since = time.monotonic()

    def recv(self, *arguments: Any) -> bytes:
        """Receive data, as socket.recv does."""
        with self._waiting():
            return super().recv(*arguments)

    def sendall(self, *arguments: Any) -> None:
        """Send data, as socket.sendall does."""
        with self._waiting():
            super().sendall(*arguments)

    def sendfile(self, *arguments: Any, **named: Any) -> int:
        """Send a file, as socket.sendfile does."""
        with self._waiting():
            return super().sendfile(*arguments, **named)


class Connection(gthread.TConn):  # type: ignore[misc] # gunicorn has no types
    """A client's connection.

    since: when it was accepted, later when its request had arrived. header: the part of the header
    that has been read. is_login: whether its request is a login. thread: the ident of the thread
    that works on it.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.since, self.header = time.monotonic(), b""
        self.is_login, self.thread = False, 0

    def read_header(self) -> bool:
        """Read more of the header. Return whether it is complete. Raises OSError if closed."""
        more = self.sock.recv(HEADER_LIMIT)
        if not more:
            raise ConnectionError("closed by the client")
        # Empty lines before a request do not end its header (RFC 9112, section 2.2).
        self.header = (self.header + more).lstrip(b"\r\n")
        return _END in self.header

    def begin(self) -> None:
        """Pass the header to gunicorn's parser."""
        self.is_login = LOGIN.match(self.header) is not None
        self.init()
        self.parser.unreader.unread(self.header)
        self.header = b""

    def place(self) -> str:
        """Return the request and the place of its thread in the code, the innermost call first."""
        frame = sys._current_frames().get(self.thread)
        calls: list[str] = []
        while frame and len(calls) < PLACE_CALLS:
            code = frame.f_code
            calls.append(f"{code.co_filename}:{frame.f_lineno} {code.co_name}")
            frame = frame.f_back
        message = self.parser.mesg
        return f"{message.method} {message.path} at " + ", ".join(calls) if message else ""

    def is_given_up(self) -> bool:
        """Return whether the client, or NGINX for it, has closed the connection."""
        try:
            return not self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self, graceful: bool = False) -> None:
        """Close the connection, unless it is closed."""
        if self.sock.fileno() < 0:
            return
        if graceful:
            close_graceful(self.sock, CLOSE_TIMEOUT)
        else:
            self.sock.close()
