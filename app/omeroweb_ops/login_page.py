"""Where OMERO.web's login page is on its own host, and by which name to ask for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .property_names import HOST, PORT, PREFIX

LOGIN = "/webclient/login/"


class Address(NamedTuple):
    """Of OMERO.web itself, without NGINX. prefix: "" or like /omero."""

    host: str
    port: int
    prefix: str


def address(effective: Callable[[str], str | None]) -> Address:
    """Where OMERO.web answers on this host. effective: a property's text, default or not."""
    host = effective(HOST) or "127.0.0.1"
    port = int(effective(PORT) or 4080)
    # Un-prefixed requests to a prefixed application answer 500 (SCRIPT_NAME does not match).
    prefix = (effective(PREFIX) or "").rstrip("/")
    return Address("127.0.0.1" if host in ("0.0.0.0", "::") else host, port, prefix)


def host_header(allowed: Sequence[str]) -> str:
    """A name that OMERO.web answers to: another one gets 400."""
    return next((name.lstrip(".") for name in allowed if name != "*"), "localhost")
