"""Where OMERO.web's login page is on its own host, and by which name to ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .property_names import HOST, PORT, PREFIX

LOGIN = "/webclient/login/"


class Address(NamedTuple):
    """Of OMERO.web itself, without NGINX. prefix: "" or like /omero."""

    host: str
    port: int
    prefix: str

    @property
    def url(self) -> str:
        """Return the URL, without a slash at its end."""
        return f"http://{url_host(self.host)}:{self.port}{self.prefix}"


def address(effective: Callable[[str], Any]) -> Address:
    """Where OMERO.web answers on this host. effective: a property's text, default or not."""
    host = own_host(str(effective(HOST) or "127.0.0.1"))
    port = int(effective(PORT) or 4080)
    # Un-prefixed requests to a prefixed application answer 500 (SCRIPT_NAME does not match).
    prefix = str(effective(PREFIX) or "").rstrip("/")
    return Address(host, port, prefix)


def own_host(listening: str) -> str:
    """Return the address by which a host reaches a service of its own.

    listening: the service's addresses, with blanks between them. One that listens on every IPv6
    address takes IPv4 too (ipv6(7), IPV6_V6ONLY), and 127.0.0.1 is on hosts without IPv6.
    """
    bound = [part.removeprefix("-") for part in listening.split()]
    everywhere = {"127.0.0.1", "0.0.0.0", "localhost", "::"} & {*bound}
    return "127.0.0.1" if everywhere else bound[0]


def url_host(host: str) -> str:
    """Return a host as URLs have it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def host_header(allowed: Sequence[str]) -> str:
    """A name that OMERO.web answers to: another one gets 400."""
    return next((name.lstrip(".") for name in allowed if name != "*"), "localhost")
