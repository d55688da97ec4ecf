"""What a visitor gets while the session store is away, asked of the guard as a WSGI server does."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.gunicorn.session_store_guard import (
    LOG_INTERVAL,
    PROBE_INTERVAL,
    RETRY_AFTER_FAILURE,
    WATCHED_INTERVAL,
    Guard,
    SessionStoreUnavailable,
    guard_store,
    translate_errors,
)
from omeroweb_ops.gunicorn.session_store_watch import StoreWatch


class RefusedError(Exception):
    """As redis.RedisError: no OSError."""


KINDS = (RefusedError, OSError)
FAILURES = [RefusedError("refused: OOM\ncommand"), TimeoutError("late"), OSError(28, "no space")]


class Server:
    """One worker with a store that can be away; time passes when it is told to."""

    def __init__(self, watch: StoreWatch | None = None) -> None:
        self.now = 1000.0
        self.away: Exception | None = None
        self.asked = 0
        self.fails_inside = False
        self.log: list[str] = []
        self.guard = Guard(
            self._application,
            translate_errors(self._probe, KINDS),
            self.log.append,
            lambda: self.now,
            watch,
        )

    def visit(self, path: str = "/webclient/") -> tuple[str, dict[str, str], bytes]:
        begun: list[Any] = []
        body = self.guard({"PATH_INFO": path}, lambda *arguments: begun.append(arguments))
        (status, headers, *_), *_ = begun
        return status[:3], dict(headers), b"".join(body)

    def _probe(self) -> None:
        self.asked += 1
        if self.away:
            raise self.away

    def _fail(self) -> None:
        raise FAILURES[0]

    def _application(self, _environ: Any, start_response: Any) -> Iterator[bytes]:
        if self.fails_inside:
            try:
                translate_errors(self._fail, KINDS)()
            except Exception:
                pytest.fail("an app's `except Exception` must not take it for something else")
        start_response("200 OK", [("Content-Type", "text/html")])
        return iter([b"page"])


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
def test_while_the_store_is_away_visitors_get_503_and_the_page_when_it_is_back(
    failure: Exception,
) -> None:
    server = Server()
    assert server.visit()[0] == "200"
    server.away = failure
    server.now += PROBE_INTERVAL
    status, headers, body = server.visit()
    assert status == "503"
    assert int(headers["Retry-After"]) > 0
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers
    assert int(headers["Content-Length"]) == len(body) > 0
    server.away = None
    server.now += RETRY_AFTER_FAILURE
    assert server.visit()[0] == "200"


def test_a_store_that_hangs_is_asked_once_in_a_while_by_each_worker() -> None:
    server = Server()
    server.away = FAILURES[1]
    assert {server.visit()[0] for _ in range(50)} == {"503"}
    assert server.asked == 1


def test_a_busy_worker_asks_the_store_once_for_many_requests() -> None:
    server = Server()
    assert {server.visit()[0] for _ in range(50)} == {"200"}
    assert server.asked == 1
    server.now += PROBE_INTERVAL
    assert server.visit()[0] == "200"
    assert server.asked == 2


class Connection:
    """An idle connection to a store, which ends when the other side closes."""

    def __init__(self) -> None:
        self.own, self.other = socket.socketpair()

    def disconnect(self) -> None:
        self.own.close()

    def can_read(self, timeout: float = 0) -> bool:
        return bool(select.select([self.own], [], [], timeout)[0])


def test_the_end_of_a_watched_store_is_noticed_at_once() -> None:
    connections: list[Connection] = []

    def connect() -> Connection:
        if server.away:
            raise server.away
        connections.append(Connection())
        return connections[-1]

    server = Server(StoreWatch(connect))
    assert {server.visit()[0] for _ in range(50)} == {"200"}
    server.now += WATCHED_INTERVAL - 0.01
    assert server.visit()[0] == "200"
    assert server.asked == 1
    server.away = FAILURES[0]
    connections[-1].other.close()
    assert server.visit()[0] == "503"
    server.away = None
    server.now += RETRY_AFTER_FAILURE
    assert {server.visit()[0] for _ in range(50)} == {"200"}
    assert server.asked == 3
    assert len(connections) == 2
    server.now += WATCHED_INTERVAL  # a store that hangs keeps the connection open
    server.away = FAILURES[1]
    assert server.visit()[0] == "503"
    for each in connections:
        each.other.close()
        each.disconnect()


def test_a_store_that_restarts_between_two_requests_costs_no_request() -> None:
    connection, renewed = Connection(), Connection()
    server = Server(StoreWatch(iter([connection, renewed]).__next__))
    assert server.visit()[0] == "200"
    connection.other.close()
    assert server.visit()[0] == "200"
    assert server.asked == 2
    for each in (connection.own, renewed.own, renewed.other):
        each.close()


def test_a_store_that_fails_within_a_request_is_asked_before_the_next() -> None:
    server = Server()
    server.visit()
    server.away, server.fails_inside = FAILURES[0], True
    assert server.visit()[0] == "503"
    server.fails_inside = False
    assert server.visit()[0] == "503"
    assert server.asked == 2


def test_programs_that_look_after_omero_web_get_through() -> None:
    server = Server()
    server.away = FAILURES[0]
    assert server.visit("/ops/live")[0] == "200"
    assert server.asked == 0
    server.fails_inside = True
    assert server.visit("/ops/live")[0] == "503"


def test_a_store_that_goes_away_during_a_request_is_no_end_of_a_session() -> None:
    server = Server()
    server.fails_inside = True
    status, headers, _body = server.visit()
    assert (status, "Set-Cookie" in headers) == ("503", False)
    server.fails_inside = False
    assert server.visit()[0] == "200"  # it was not away: full, perhaps


@given(st.lists(st.floats(0, 10), max_size=200))
def test_the_log_gets_one_line_and_not_one_for_each_request(steps: list[float]) -> None:
    server = Server()
    server.away = FAILURES[0]
    for step in steps:
        server.visit()
        server.now += step
    assert len(server.log) <= 1 + sum(steps) / LOG_INTERVAL
    assert bool(server.log) is bool(steps)
    assert all("refused" in line and "\n" not in line for line in server.log)


class Cache(dict[str, Any]):
    """A cache that fails when it is told to."""

    failure: Exception | None = None

    def get(self, key: str, default: Any = None) -> Any:
        if self.failure:
            raise self.failure
        return super().get(key, default)


class Store:
    """The part of Django's cache sessions that counts."""

    cache_key = "key"

    def __init__(self, cache: Cache) -> None:
        self._cache, self._session_key = cache, "known"

    def load(self) -> Any:
        raise NotImplementedError

    def save(self) -> None:
        if self._cache.failure:
            raise self._cache.failure

    exists = delete = save


@pytest.fixture
def store() -> Any:
    guarded = type("Guarded", (Store,), {})
    guard_store(guarded, KINDS)
    return guarded(Cache(key={"who": "ada"}))


def test_a_session_is_read_and_one_that_has_ended_is_forgotten(store: Any) -> None:
    assert store.load() == {"who": "ada"}
    assert store._session_key == "known"
    store._cache.clear()
    assert store.load() == {}
    assert store._session_key is None


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
def test_a_session_that_cannot_be_read_is_not_forgotten(store: Any, failure: Exception) -> None:
    store._cache.failure = failure
    for method in (store.load, store.save, store.exists, store.delete):
        with pytest.raises(SessionStoreUnavailable):
            method()
    assert store._session_key == "known"
