"""IP addresses and names, in the form that each program wants."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omeroweb_ops.shared import addresses


@given(st.ip_addresses(v=6), st.booleans(), st.booleans())
def test_an_ipv6_address_is_one_address_in_every_spelling(
    address: ipaddress.IPv6Address, brackets: bool, long: bool
) -> None:
    text = address.exploded.upper() if long else str(address)
    written = f"[{text}]" if brackets else text
    assert addresses.canonical(written) == str(address)
    assert addresses.url_host(written) == addresses.url_host(str(address)) == f"[{address}]"
    assert addresses.is_ipv6(written)
    assert address.ipv4_mapped or addresses.as_ipv4(str(address)) == str(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_has_no_brackets_and_an_ipv6_socket_reports_it_as_mapped(
    address: ipaddress.IPv4Address,
) -> None:
    assert addresses.url_host(str(address)) == addresses.canonical(str(address)) == str(address)
    trusted = addresses.with_mapped(str(address)).split(",")
    peer = ipaddress.IPv6Address(f"::ffff:{address}")
    assert any(peer in ipaddress.ip_network(each) for each in trusted if ":" in each)
    assert addresses.as_ipv4(f"::ffff:{address}") == addresses.as_ipv4(str(address)) == str(address)


@pytest.mark.parametrize("name", ["web1", "web1.example.org", "web1:4080", "10.0.0.2:53", "", "["])
def test_anything_else_is_left_as_it_is(name: str) -> None:
    assert addresses.url_host(name) == addresses.canonical(name) == name
    assert addresses.parse(name) is None


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *((each, True) for each in ("localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]")),
        *((each, False) for each in ("0.0.0.0", "::", "[::]", "10.0.0.1", "fd00::1", "web1", "")),
    ],
)
def test_the_machine_s_own_addresses_are_loopback(host: str, local: bool) -> None:
    assert addresses.is_loopback(host) is local


def test_networks_are_trusted_as_mapped_ones_and_a_star_stays() -> None:
    assert addresses.with_mapped("10.0.0.0/8,fd00::/8") == "10.0.0.0/8,fd00::/8,::ffff:a00:0/104"
    assert addresses.with_mapped("*") == "*"
