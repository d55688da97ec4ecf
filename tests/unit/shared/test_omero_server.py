"""Why a port cannot be reached: the reason of the address that counts."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared.omero_server import connect as reach
from omeroweb_ops.shared.omero_server import no_login, problems

FAMILIES = {"::1": socket.AF_INET6, "127.0.0.1": socket.AF_INET}


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses of `localhost`, in the order in which the test wants them."""
    addresses: list[str] = []

    def getaddrinfo(_host: str, port: int, **_kind: object) -> list[Any]:
        return [
            (
                FAMILIES[each],
                socket.SOCK_STREAM,
                6,
                "",
                (each, port, 0, 0)[: 2 if "." in each else 4],
            )
            for each in addresses
        ]

    def connect(self: socket.socket, place: tuple[Any, ...]) -> None:
        number = errno.ECONNREFUSED if place[0] == "127.0.0.1" else errno.EADDRNOTAVAIL
        raise OSError(number, os.strerror(number))

    class Socket(socket.socket):
        def __init__(self, family: int = -1, *_rest: object) -> None:
            super().__init__(socket.AF_INET, socket.SOCK_STREAM)

    monkeypatch.setattr(Socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "socket", Socket)
    return addresses


@pytest.mark.parametrize("order", [["127.0.0.1", "::1"], ["::1", "127.0.0.1"]])
def test_an_address_of_a_family_that_the_host_has_not_is_no_reason(
    resolved: list[str], order: list[str]
) -> None:
    resolved += order
    with pytest.raises(ConnectionRefusedError):
        reach("localhost", 4064, 1)


def test_without_any_other_it_is(resolved: list[str]) -> None:
    resolved.append("::1")
    with pytest.raises(OSError, match="assign requested address"):
        reach("localhost", 4064, 1)


def test_a_port_that_answers_is_reached_and_an_unknown_name_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reach("127.0.0.1", server.getsockname()[1], 5)
    with pytest.raises(socket.gaierror):
        reach("no.such.name.invalid", 1, 5)


def test_nobody_can_log_in_without_a_server_and_the_ports_to_open_are_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        listed = [["127.0.0.1", port, "omero"], [f"wss://127.0.0.1:{port}/omero-ws", 4064, "other"]]
        found = problems(listed)
        assert found == {f"127.0.0.1:{port}": "", f"wss://127.0.0.1:{port}/omero-ws:4064": ""}
        assert no_login(found) is None
    gone = problems(listed)
    assert {*gone.values()} == {"Connection refused"}
    text = no_login(gone)
    assert text is not None
    assert "(Connection refused)" in text
    advice = f"to your OMERO.server, or start the OMERO.server of this host on port {port}"
    assert text.endswith(advice)
    elsewhere = no_login({"omero.example.org:4064": "timed out", "wss://[fd00::1]/ws:443": "x"})
    assert elsewhere is not None
    assert elsewhere.endswith(
        "or open TCP port 4064 of omero.example.org to this host or open TCP port 443 of fd00::1 "
        "to this host"
    )
    assert no_login({"a:4064": "timed out", "b:4064": ""}) is None
    empty = no_login({})
    assert empty is not None
    assert "omero.web.server_list names no OMERO.server" in empty


@given(st.text(), st.integers(), st.text(min_size=1))
def test_an_address_that_is_none_is_named_and_raises_nothing(
    host: str, port: int, why: str
) -> None:
    text = no_login({f"{host}:{port}": why})
    assert text is not None
    assert f"{host}:{port} ({why})" in text


def test_an_ipv6_address_is_written_as_ice_takes_it_and_shown_as_urls_have_it() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        servers = [['"::1"', port, "omero"], [f"wss://[::1]:{port}/omero-ws", 443, "other"]]
        assert problems(servers, 5) == {f"[::1]:{port}": "", f"wss://[::1]:{port}/omero-ws:443": ""}
    found = problems(servers[:1], 5)
    assert found == {f"[::1]:{port}": "Connection refused"}
    assert f"start the OMERO.server of this host on port {port}" in str(no_login(found))
