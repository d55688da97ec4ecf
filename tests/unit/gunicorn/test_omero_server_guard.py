"""Whether an OMERO.server takes connections, and what OMERO.web's Connector does with it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from omeroweb_ops.gunicorn import omero_server_guard
from omeroweb_ops.gunicorn.omero_server_guard import (
    DOWN_INTERVAL,
    UP_INTERVAL,
    Reachability,
    Servers,
    ServerUnreachable,
    answer_unreachable,
    guard_connector,
)
from omeroweb_ops.shared.omero_server import connect, endpoint

HOST = "127.0.0.1"


@contextlib.contextmanager
def server() -> Iterator[int]:
    """The port of one that takes connections."""
    with socket.create_server((HOST, 0)) as listening:
        yield listening.getsockname()[1]


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """The port of one that answers nothing: Linux drops what a full backlog has no room for."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server((HOST, 0), backlog=0))
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        yield listening.getsockname()[1]


def closed() -> int:
    with server() as port:
        return port


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (("omero.example.org", 4064), ("omero.example.org", 4064)),
        (("2001:db8::1", "4064"), ("2001:db8::1", 4064)),
        (("wss://omero.example.org", 443), ("omero.example.org", 443)),
        (("wss://omero.example.org/omero-wss", 4064), ("omero.example.org", 4064)),
        (("ws://omero.example.org:8080/omero", 443), ("omero.example.org", 8080)),
        (("ssl://192.0.2.1:4064", 1), ("192.0.2.1", 4064)),
    ],
)
def test_where_a_server_listens_is_what_omero_s_client_makes_of_it(
    entry: tuple[str, int], found: tuple[str, int]
) -> None:
    assert endpoint(*entry) == found


def test_a_connection_is_taken_refused_or_given_up_in_time() -> None:
    with server() as port:
        connect(HOST, port)
    with pytest.raises(OSError, match="refused"):
        connect(HOST, closed())
    began = time.monotonic()
    with black_hole() as port, pytest.raises(OSError, match="timed out"):
        connect(HOST, port, 0.3)
    assert 0.3 <= time.monotonic() - began < 2
    with pytest.raises(socket.gaierror):
        connect("no-such-name.invalid", 4064)


def test_one_address_of_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with black_hole() as hole, server() as port:
        where = [
            (socket.AF_INET6, socket.SOCK_STREAM, 0, "", ("2001:db8::1", port, 0, 0)),
            *(
                (socket.AF_INET, socket.SOCK_STREAM, 0, "", (HOST, each))
                for each in (closed(), hole, port)
            ),
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: where)
        began = time.monotonic()
        connect("omero.example.org", port)
        assert time.monotonic() - began < 2
        del where[-1]
        with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
            connect("omero.example.org", port, 0.3)


class Server:
    """A server that a test switches; time passes when it is told to."""

    def __init__(self) -> None:
        self.now, self.tried = 1000.0, 0
        self.error: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.log: list[str] = []
        self.reachability = Reachability(self._try, self.log.append, lambda: self.now)

    def _try(self) -> None:
        self.tried += 1
        assert self.answers.wait(10)
        if self.error:
            raise self.error


def test_a_server_is_tried_again_after_a_while_and_changes_are_in_the_log() -> None:
    one = Server()
    assert [one.reachability.is_up() for _ in range(5)] == [True] * 5
    assert one.tried == 1
    one.now += UP_INTERVAL
    one.error = ConnectionRefusedError(111, "Connection refused")
    assert [one.reachability.is_up() for _ in range(5)] == [False] * 5
    assert one.tried == 2
    one.now += DOWN_INTERVAL
    assert not one.reachability.is_up()
    one.now += DOWN_INTERVAL
    one.error = None
    assert one.reachability.is_up()
    assert one.log == ["is unreachable: Connection refused", "is reachable again"]
    one.now += UP_INTERVAL
    one.error = ValueError("what no connection is to be had from")
    assert one.reachability.is_up()  # OMERO.web finds out


def test_one_request_finds_out_and_nobody_waits_for_a_server_that_was_down() -> None:
    one = Server()
    one.error = TimeoutError()
    one.answers.clear()
    with ThreadPoolExecutor(20) as visitors:
        asked = [visitors.submit(one.reachability.is_up) for _ in range(20)]
        time.sleep(0.1)  # for those who would not wait
        assert not any(each.done() for each in asked)
        one.answers.set()
        assert not any(each.result() for each in asked)
        assert one.tried == 1
        one.now += DOWN_INTERVAL
        one.answers.clear()
        first = visitors.submit(one.reachability.is_up)
        while one.tried < 2:
            time.sleep(0.01)
        assert not one.reachability.is_up()  # at once
        assert not first.done()
        one.error = None
        one.answers.set()
        assert first.result()
    assert one.reachability.is_up()


def test_each_entry_of_the_list_is_known_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    servers = Servers()
    with server() as port:
        assert servers.is_reachable(HOST, port)
        assert not servers.is_reachable(HOST, closed())
        assert servers.is_reachable(f"wss://{HOST}:{port}/omero", 1)
        assert servers.is_reachable("wss://[", 4064)  # OMERO.web says what is wrong with it
    assert f"OMERO.server {HOST}:" in capfd.readouterr().err


class Connector:
    """As omeroweb.connector's: what it is asked is a connection."""

    def __init__(self, user_id: int | None = None, is_public: bool = False) -> None:
        self.user_id, self.is_public = user_id, is_public

    def lookup_host_and_port(self) -> tuple[str, int]:
        return "omero.example.org", 4064

    def create_connection(self, *_arguments: Any, is_public: bool = False) -> str:
        return f"created {is_public}"

    def create_guest_connection(self, _useragent: str) -> str:
        return "guest"

    def join_connection(self, _useragent: str, _userip: str | None = None) -> str:
        return "joined"


def test_omero_web_asks_only_a_server_that_can_be_reached_and_logs_nobody_out() -> None:
    up = True

    class Guarded(Connector):
        pass

    guard_connector(Guarded, lambda _host, _port: up)
    assert Guarded().create_connection("x", is_public=True) == "created True"
    assert Guarded().create_guest_connection("x") == "guest"
    assert Guarded(7).join_connection("x", "192.0.2.1") == "joined"
    up = False
    assert Guarded().create_connection("x") is None
    assert Guarded().create_guest_connection("x") is None
    for other in (Guarded(), Guarded(7, is_public=True)):
        assert other.join_connection("x") is None
    with pytest.raises(ServerUnreachable):
        Guarded(7).join_connection("x")


def test_a_user_whose_server_is_unreachable_gets_503() -> None:
    def application(_environ: Any, _start: Any) -> list[bytes]:
        try:
            raise ServerUnreachable
        except Exception:
            pytest.fail("a view's `except Exception` must not take it for something else")

    begun: list[Any] = []
    body = answer_unreachable(application)({}, lambda *arguments: begun.append(arguments))
    ((status, headers, *_),) = begun
    assert status[:3] == "503"
    assert int(dict(headers)["Retry-After"]) > 0
    assert "Set-Cookie" not in dict(headers)
    assert b"".join(body)


def test_ice_s_own_configuration_may_know_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ICE_CONFIG", "/etc/ice.config")
    omero_server_guard.install(None)  # touches nothing
