"""The worker class: gunicorn's threads, for complete requests only, replaced if a request hangs.

gunicorn's gthread worker accepts more connections than it has threads, so that a request waits
behind downloads while other workers are free. A client that sends its header slowly uses a thread.
A request that hangs is never detected, because the accepting loop reports the worker as alive. A
worker that has reached max_requests cuts downloads. This class accepts a connection only while a
thread is free, and reads its header before it uses a thread. It replaces a worker in which a
request hangs, but not while the worker has a download.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.util import write_error
from gunicorn.workers import gthread

from ..shared.addresses import as_ipv4
from .client_connection import HEADER_LIMIT, ClientSocket, Connection

HEADER_TIMEOUT = 20.0  # seconds for a whole header
RESERVATION = 0.05  # seconds for which a new connection counts as a request: NGINX sends at once
LONG_REQUEST = 1.0  # seconds


class ThreadWorker(gthread.ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """The worker class; see the module.

    cfg.timeout: seconds after which a request hangs that neither reads nor writes although its
    client is ready; 0 means never. cfg.worker_connections: the limit of connections, including
    those without a complete header.
    """

    max_requests: int

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # gunicorn would stop at once, and cut requests that take longer than graceful_timeout.
        self.request_limit = self.max_requests
        self.max_requests = sys.maxsize
        self.most_logins = max(1, self.cfg.threads // 2)
        self.incoming: deque[Connection] = deque()  # without a complete header; the oldest first
        self.queue: deque[Connection] = deque()  # logins that wait for others to end
        self.active: set[Connection] = set()  # with a thread, or about to get one
        self.running: set[Connection] = set()  # with a thread; changed by the threads themselves
        self.reported: set[Connection] = set()  # requests that hang
        self.due = False
        self.accepting_ended: Callable[[], None] = lambda: None  # called once it accepts no more

    def get_thread_pool(self) -> ThreadPoolExecutor:
        """Return a pool with twice as many threads as accepted requests, but one for one.

        A request whose header came late must not wait behind others. A site with one thread wants
        no threads.
        """
        threads = int(self.cfg.threads)
        return ThreadPoolExecutor(max_workers=2 * threads if threads > 1 else 1)

    def replace(self) -> None:
        """End the worker as soon as it has no download and no upload. Any thread may call this."""
        self.due = True

    # From a connection to a thread

    def accept(self, listener: Any) -> None:
        """Accept a connection, and read its header if it has arrived."""
        if not self._has_free_thread():  # another connection was accepted in the same turn
            return
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        if isinstance(address, tuple):  # not a Unix socket's
            address = (as_ipv4(address[0]), *address[1:])
        client = ClientSocket(fileno=accepted.detach())
        connection = Connection(self.cfg, client, address, listener.getsockname())
        self.nr_conns += 1
        self.incoming.append(connection)
        self.poller.register(client, EVENT_READ, partial(self.read_header, connection))
        self.read_header(connection)

    def read_header(self, connection: Connection, _client: object = None) -> None:
        """Read more of a header, and start the request once its header is complete."""
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
        """Start a request, as gunicorn's method of the main thread; also on a kept connection."""
        conn.since = time.monotonic()
        self.active.add(conn)
        super().enqueue_req(conn)

    def handle(self, conn: Any) -> Any:
        """Process a request, as gunicorn's method in the request's thread."""
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
        """Finish a request, as gunicorn's method of the main thread, and start waiting logins."""
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
        """Return whether a request that arrives now would get a thread."""
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
        """Accept connections while a thread is free, and dispatch events."""
        free = self._has_free_thread() and self.nr_conns < self.worker_connections
        self.set_accept_enabled(self.alive and free and not self._is_ending())
        if not self.nr_conns and not self.alive:
            timeout = 0
        elif not self._accepting and len(self.active) < self.cfg.threads:
            timeout = min(timeout, RESERVATION)
        super().wait_for_and_dispatch_events(timeout)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Enable or disable accepting connections, as gunicorn's method of the main thread."""
        super().set_accept_enabled(enabled)
        if not self.alive and not self._accepting:
            self.accepting_ended()

    def notify(self) -> None:
        """Report to the master, refuse late headers, and end the worker if a request hangs."""
        super().notify()
        late = time.monotonic() - HEADER_TIMEOUT
        while self.incoming and self.incoming[0].since < late:
            self._refuse(self.incoming[0])
        hung = self._hung()
        for each in hung - self.reported:
            self.log.error("Worker %s ends, because a request hangs: %s", self.pid, each.place())
        self.reported = hung
        self.due = self.due or bool(hung)
        if self._is_ending() and not (self.active - hung or self.incoming):
            if hung:
                for login in self.queue:  # behind logins that hang
                    _answer(login, 503, "Service Unavailable")
                os._exit(1)  # their threads would keep the process running
            self.log.info("Worker %s ends after %d requests", self.pid, self.nr)
            self.alive = False

    def _hung(self) -> set[Connection]:
        """Return the requests that have been in the application for longer than the timeout.

        A slow client does not count.
        """
        late = time.monotonic() - (self.cfg.timeout or math.inf)
        return {
            each for each in [*self.running] if getattr(each.sock, "working_since", late) < late
        }

    def _is_ending(self) -> bool:
        """Return whether the worker must be replaced and has no long request."""
        if not self.due and self.nr < self.request_limit:
            return False
        recent = time.monotonic() - LONG_REQUEST
        return all(each.since > recent for each in self.active - self._hung())


def _answer(connection: Connection, status: int, reason: str) -> None:
    with contextlib.suppress(OSError):
        write_error(connection.sock, status, reason, "")
