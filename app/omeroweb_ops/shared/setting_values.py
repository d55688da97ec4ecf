"""Check values of settings that an inventory and a container have in common. Pure.

Each function returns the value, and raises ValueError with the reason why it is refused.
"""

from __future__ import annotations

import ipaddress
import re

from . import addresses

LAST_PORT = 65535
_NAME = r"[A-Za-z0-9._*-]+"
_URL_HOST = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])"


def server_names(value: str) -> str:
    """Check NGINX's names, with a space between them. An IPv6 address gets browsers' spelling."""
    names = [addresses.url_host(name) for name in value.split(" ")]
    if not all(re.fullmatch(_NAME, name) or addresses.is_ipv6(name) for name in names):
        raise ValueError("is not a list of host names")
    return " ".join(names)


def network(value: str) -> str:
    """Check an IP address or a network, which is returned as a network."""
    try:
        if "%" in value:  # NGINX and nftables know no zones
            raise ValueError
        return str(ipaddress.ip_network(addresses.bare(value), strict=False))
    except ValueError:
        raise ValueError(f"{value!r} is not an IP address or a network") from None


def memory(value: str) -> str:
    """Check an amount of memory, as redis.conf has it."""
    if not re.fullmatch(r"(?i)[1-9][0-9]*(k|kb|m|mb|g|gb)?", value):
        raise ValueError("is not an amount of memory")
    return value


def in_bytes(memory: str) -> int:
    """Return an amount of memory in bytes, as redis.conf has it: 1k is 1000, 1kb is 1024."""
    number = memory.lower().rstrip("kmgb")
    unit = memory.lower().removeprefix(number)
    factor: int = (1024 if unit.endswith("b") else 1000) ** (" kmg".index(unit[:1] or " "))
    return int(number) * factor


# Of omero.ports.ws and omero.ports.wss
# (https://omero.readthedocs.io/en/stable/sysadmins/websockets.html).
_WEBSOCKET_PORTS = {"ws": 4065, "wss": 4066}


def websocket_url(value: str) -> str:
    """Check the URL of OMERO.server's websocket, and return it with its port."""
    found = re.fullmatch(rf"(wss?)://{_URL_HOST}(?::(\d{{1,6}}))?/?", value)
    if not found or (found[2][0] == "[" and not addresses.is_ipv6(found[2])):
        raise ValueError("is not ws://host:port or wss://host:port")
    port = int(found[3] or _WEBSOCKET_PORTS[found[1]])
    if not 1 <= port <= LAST_PORT:
        raise ValueError(f"{port} is not a port from 1 to {LAST_PORT}")
    return f"{found[1]}://{found[2]}:{port}"


def redis_url(value: str) -> str:
    """Check the URL of a Redis without a login and a database."""
    if "@" in value:  # the message repeats nothing of it, because it may be a password
        raise ValueError("has a user or a password")
    if re.fullmatch(r"rediss?://[^/]+/\d+", value):
        raise ValueError("has a database: OMERO.web uses two, 0 and 1")
    found = re.fullmatch(rf"rediss?://{_URL_HOST}(?::(\d+))?/?", value)
    if not found or (found[1][0] == "[" and not addresses.is_ipv6(found[1])):
        raise ValueError("is not redis://host:port or rediss://host:port")
    if found[2] and not 1 <= int(found[2]) <= LAST_PORT:
        raise ValueError(f"{found[2]} is not a port from 1 to {LAST_PORT}")
    return value.rstrip("/")
