"""Write IP addresses and host names as URLs, programs and the kernel want them. Pure.

An IPv6 address may be written in brackets, as in URLs, and in several spellings (RFC 5952).
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_MAPPED = "::ffff:0:0"  # ipv6(7): an IPv4 peer of an IPv6 socket has an address below it
_MAPPED_BITS = 96


def bare(host: str) -> str:
    """Return a host without the brackets around an IPv6 address."""
    return host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host


def parse(host: str) -> Address | None:
    """Return the IP address that a host is, with or without brackets; None for anything else.

    An address with a zone (fe80::1%eth0) is None: neither gunicorn nor NGINX takes a zone.
    """
    try:
        return None if "%" in host else ipaddress.ip_address(bare(host))
    except ValueError:
        return None


def is_ipv6(host: str) -> bool:
    """Return whether a host is an IPv6 address, with or without brackets."""
    return isinstance(parse(host), ipaddress.IPv6Address)


def canonical(host: str) -> str:
    """Return an IP address in its one spelling, without brackets; a name unchanged."""
    address = parse(host)
    return host if address is None else str(address)


def url_host(host: str) -> str:
    """Return a host as URLs have it: an IPv6 address in brackets."""
    return f"[{canonical(host)}]" if is_ipv6(host) else host


def is_loopback(host: str) -> bool:
    """Return whether a host is an address or the name of the machine itself."""
    address = parse(host)
    return host == "localhost" if address is None else address.is_loopback


def as_ipv4(host: str) -> str:
    """Return the IPv4 address of an IPv4 peer that an IPv6 socket reports; others unchanged."""
    address = parse(host) if host.startswith("::ffff:") else None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return host if mapped is None else str(mapped)


def with_mapped(trusted: str) -> str:
    """Return addresses and networks, and the IPv4 ones again as an IPv6 socket reports them.

    trusted: separated by commas, as gunicorn's forwarded_allow_ips has them.
    """
    parts = [part.strip() for part in trusted.split(",") if part.strip()]
    return ",".join([*parts, *(found for part in parts if (found := _mapped(part)))])


def _mapped(part: str) -> str | None:
    try:
        network = ipaddress.IPv4Network(part, strict=False)
    except ValueError:
        return None
    base = int(ipaddress.IPv6Address(_MAPPED)) + int(network.network_address)
    return f"{ipaddress.IPv6Address(base)}/{_MAPPED_BITS + network.prefixlen}"
