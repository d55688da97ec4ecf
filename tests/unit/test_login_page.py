"""One answer to the question where OMERO.web is on its own host."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest
from omeroweb_ops.login_page import address, host_header, own_host
from omeroweb_ops.property_names import HOST, PORT, PREFIX


@pytest.mark.parametrize(
    ("listening", "host"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5 -::1 127.0.0.1", "127.0.0.1"),  # as redis.conf has them
        ("-::1", "::1"),
        ("[::]", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:0", "127.0.0.1"),
        ("[FD00:0:0::12]", "fd00::12"),
    ],
)
def test_a_service_of_its_own_is_reached_at_an_address_that_it_listens_on(
    listening: str, host: str
) -> None:
    assert own_host(listening) == host


@pytest.mark.parametrize("listening", ["0.0.0.0", "::", "127.0.0.1", "::1"])
def test_a_listener_takes_a_connection_at_its_own_host(listening: str) -> None:
    family = socket.AF_INET6 if ":" in listening else socket.AF_INET
    with closing(socket.socket(family)) as listener:
        listener.bind((listening, 0))
        listener.listen()
        port = listener.getsockname()[1]
        socket.create_connection((own_host(listening), port), timeout=5).close()


def test_a_url_has_an_ipv6_address_in_brackets_and_the_prefix() -> None:
    properties = {HOST: "fd00::5", PORT: 4081, PREFIX: "/omero/"}
    assert address(lambda name: properties.get(name)).url == "http://[fd00::5]:4081/omero"
    assert address(lambda name: None).url == "http://127.0.0.1:4080"


def test_a_host_header_is_a_name_that_omero_web_takes() -> None:
    assert host_header(["*"]) == "localhost"
    assert host_header([".example.org", "other"]) == "example.org"
