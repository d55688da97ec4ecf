"""Compute the address of OMERO.web's login page on its own host, and its Host header."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .property_names import HOST, PORT, PREFIX

LOGIN = "/webclient/login/"


class Address(NamedTuple):
    """The address of OMERO.web itself, without NGINX. prefix: "" or like /omero."""

    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """Return the URL without a slash at the end."""
        return f"http://{url_host(self.host)}:{self.port}{self.prefix}"


def address(effective: Callable[[str], Any]) -> Address:
    """Return OMERO.web's address on this host. effective: returns a property's text or default."""
    host = own_host(str(effective(HOST) or "127.0.0.1"))
    port = int(effective(PORT) or 4080)
    # Un-prefixed requests to a prefixed application answer 500 (SCRIPT_NAME does not match).
    prefix = str(effective(PREFIX) or "").rstrip("/")
    return Address(host, port, prefix)


def path_prefix(value: object) -> str:
    """Return a value of omero.web.prefix as paths begin with it: "" or like /omero."""
    prefix = str(value or "").strip("/")
    return f"/{prefix}" if prefix else ""


def own_host(listening: str) -> str:
    """Return the address by which a host reaches its own service.

    listening: the service's addresses, separated by blanks. A service on every IPv6 address also
    accepts IPv4 (ipv6(7), IPV6_V6ONLY), and hosts without IPv6 have 127.0.0.1, too.
    """
    bound = [part.removeprefix("-") for part in listening.split()]
    everywhere = {"127.0.0.1", "0.0.0.0", "localhost", "::"} & {*bound}
    return "127.0.0.1" if everywhere else bound[0]


def url_host(host: str) -> str:
    """Return a host as URLs have it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def host_header(allowed: Sequence[str]) -> str:
    """Return a name that OMERO.web answers to; it answers any other name with 400."""
    return next((name.lstrip(".") for name in allowed if name != "*"), "localhost")
