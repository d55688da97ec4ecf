"""The worker class: gunicorn's threads, for whole requests only, and taken back from hung ones.

gunicorn's gthread worker accepts more connections than it has threads, so that a request waits
behind downloads while other workers are free; a client that sends its header slowly holds a
thread; a request that hangs is never noticed, since the loop that accepts reports the worker alive;
and a worker that has had max_requests cuts downloads. Here a connection is accepted while a thread
is free, its header is read before it takes one, and a worker is replaced once a request hangs in it
but not while it has a download.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.util import write_error
from gunicorn.workers import gthread

from .client_connection import HEADER_LIMIT, ClientSocket, Connection

HEADER_TIMEOUT = 20.0  # seconds for a whole header
RESERVATION = 0.05  # seconds for which a new connection counts as a request: NGINX's come at once
LONG_REQUEST = 1.0  # seconds


class ThreadWorker(gthread.ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """See the module. cfg.timeout: seconds after which a request hangs that neither takes nor gives
    a byte although its client would; 0 is never. cfg.worker_connections: connections, with those
    whose header has not come."""

    max_requests: int

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # gunicorn would stop accepting at once, and cut what takes longer than graceful_timeout.
        self.request_limit = self.max_requests
        self.max_requests = sys.maxsize
        self.most_logins = max(1, self.cfg.threads // 2)
        self.incoming: deque[Connection] = deque()  # without a whole header; the oldest first
        self.queue: deque[Connection] = deque()  # logins that wait for others to end
        self.active: set[Connection] = set()  # with a thread, or about to get it
        self.running: set[Connection] = set()  # with a thread; changed by the threads themselves
        self.reported: set[Connection] = set()  # requests that hang
        self.due = False

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Twice as many threads as requests are accepted for: one whose header came late, when the
        others were taken, must not wait behind them. One is one: the site wants no threads."""
        threads = int(self.cfg.threads)
        return ThreadPoolExecutor(max_workers=2 * threads if threads > 1 else 1)

    def replace(self) -> None:
        """Let the worker end as soon as it has no download and no upload; called in any thread."""
        self.due = True

    # From a connection to a thread

    def accept(self, listener: Any) -> None:
        """Take a connection, and its header if that has come."""
        if not self._has_free_thread():  # another was accepted in the same turn
            return
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        client = ClientSocket(fileno=accepted.detach())
        connection = Connection(self.cfg, client, address, listener.getsockname())
        self.nr_conns += 1
        if self.cfg.is_ssl:  # by omero.web.wsgi_args; nothing can be read without a handshake
            self.enqueue_req(connection)
            return
        self.incoming.append(connection)
        self.poller.register(client, EVENT_READ, partial(self.read_header, connection))
        self.read_header(connection)

    def read_header(self, connection: Connection, _client: object = None) -> None:
        """Read on; give the request a thread once its header is whole."""
        try:
            if connection.read_header():
                self._forget(connection)
                connection.begin()
                self._start(connection)
            elif len(connection.header) > HEADER_LIMIT:
                self._refuse(connection, 431, "Request Header Fields Too Large")
        except BlockingIOError:
            pass
        except OSError:
            self._refuse(connection)

    def _start(self, connection: Connection) -> None:
        if connection.is_login and self._logins() >= self.most_logins:
            self.queue.append(connection)
        else:
            self.enqueue_req(connection)

    def enqueue_req(self, conn: Any) -> None:
        """gunicorn's own, of the main thread; also called for a connection that was kept alive."""
        conn.since = time.monotonic()
        self.active.add(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """gunicorn's own, of a request's thread."""
        conn.sock.working_since = time.monotonic()
        conn.thread = threading.get_ident()
        self.running.add(conn)
        try:
            result = super().handle(conn)
            if not result:
                conn.close(graceful=True)  # gunicorn would wait for the client in the main thread
            return result
        finally:
            self.running.discard(conn)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """gunicorn's own, of the main thread."""
        self.active.discard(conn)
        super().finish_request(conn, fs)
        while self.queue and self._logins() < self.most_logins:
            login = self.queue.popleft()
            if login.is_given_up():
                self.nr_conns -= 1
                login.close()
            else:
                self.enqueue_req(login)

    def _logins(self) -> int:
        return sum(1 for each in self.active if each.is_login)

    def _has_free_thread(self) -> bool:
        """Whether a request that comes now would have a thread."""
        recent = time.monotonic() - RESERVATION
        expected = sum(1 for each in self.incoming if each.since > recent)
        return len(self.active) + expected < int(self.cfg.threads)

    def _refuse(self, connection: Connection, status: int = 0, reason: str = "") -> None:
        self._forget(connection)
        self.nr_conns -= 1
        if status:
            _answer(connection, status, reason)
        connection.close()

    def _forget(self, connection: Connection) -> None:
        self.incoming.remove(connection)
        self.poller.unregister(connection.sock)

    # A turn of the main loop, which is gunicorn's

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Accept, while a thread is free, and let requests go on."""
        free = self._has_free_thread() and self.nr_conns < self.worker_connections
        self.set_accept_enabled(self.alive and free and not self._is_ending())
        if not self.nr_conns and not self.alive:
            timeout = 0
        elif not self._accepting and len(self.active) < self.cfg.threads:
            timeout = min(timeout, RESERVATION)
        super().wait_for_and_dispatch_events(timeout)

    def notify(self) -> None:
        """Report to the master, and look after requests."""
        super().notify()
        late = time.monotonic() - HEADER_TIMEOUT
        while self.incoming and self.incoming[0].since < late:
            self._refuse(self.incoming[0])
        hung = self._hung()
        for each in hung - self.reported:
            self.log.error("Worker %s ends, since a request hangs: %s", self.pid, each.place())
        self.reported = hung
        self.due = self.due or bool(hung)
        if self._is_ending() and not (self.active - hung or self.incoming):
            if hung:
                for login in self.queue:  # behind logins that hang
                    _answer(login, 503, "Service Unavailable")
                os._exit(1)  # their threads would keep the process
            self.log.info("Worker %s ends after %d requests", self.pid, self.nr)
            self.alive = False

    def _hung(self) -> set[Connection]:
        """Those that have been in the application for longer than the timeout. A client that is
        slow to send or to take is no reason to end anything."""
        late = time.monotonic() - (self.cfg.timeout or math.inf)
        return {
            each for each in [*self.running] if getattr(each.sock, "working_since", late) < late
        }

    def _is_ending(self) -> bool:
        """Whether the worker is to be replaced, and soon can be."""
        if not self.due and self.nr < self.request_limit:
            return False
        recent = time.monotonic() - LONG_REQUEST
        return all(each.since > recent for each in self.active - self._hung())


def _answer(connection: Connection, status: int, reason: str) -> None:
    with contextlib.suppress(OSError):
        write_error(connection.sock, status, reason, "")
