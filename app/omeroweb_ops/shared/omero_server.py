"""Find an OMERO.server of omero.web.server_list, and check its TCP port."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

from .addresses import is_loopback, url_host

# Seconds. TCP sends three SYN packets in this time, after 0, 1 and 3 s (RFC 6298, section 2), as in
# Ice.Override.ConnectTimeout's five seconds (omero.constants.CONNECTTIMEOUT).
TIMEOUT = 4.0

# Errors of an address that this host cannot use: `localhost` may be ::1 without IPv6.
_UNUSABLE = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETUNREACH}


def endpoint(host: str, port: int | str) -> tuple[str, int]:
    """Return the host and TCP port of an entry of omero.web.server_list. Raises ValueError.

    A websocket's URL may have a port, which replaces the entry's (omero/clients.py,
    _check_for_hosturl).
    """
    host = host.strip('"')  # Ice needs quotes around an IPv6 address
    if "://" in host:
        url = urlsplit(host)
        return url.hostname or "", url.port or int(port)
    return host, int(port)


def problems(servers: Iterable[Sequence[Any]], timeout: float = TIMEOUT) -> dict[str, str]:
    """Return why each OMERO.server is unreachable, or "", by "host:port". All are tried at once.

    servers: as omero.web.server_list has them. timeout: seconds.
    """
    places = [(str(each[0]), int(each[1])) for each in servers if len(each) > 1]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda place: _problem(place[0], place[1], timeout), places)
        return {
            f"{_shown(host)}:{port}": text for (host, port), text in zip(places, found, strict=True)
        }


def _shown(host: str) -> str:
    return url_host(host.strip('"'))


def _problem(host: str, port: int, timeout: float) -> str:
    try:
        connect(*endpoint(host, port), timeout)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    return ""


def no_login(found: Mapping[str, str]) -> str | None:
    """Return why nobody can log in and what to do, or None if an OMERO.server is reachable.

    found: "host:port" of each OMERO.server to why it cannot be reached, or "".
    """
    if not all(found.values()):
        return None
    if not found:
        return "omero.web.server_list names no OMERO.server, so nobody can log in; set it to yours"
    repairs = " or ".join(dict.fromkeys(map(_repair, found)))
    shown = ", ".join(f"{place} ({problem})" for place, problem in found.items())
    return (
        f"no OMERO.server is reachable from this host, so nobody can log in: {shown}. "
        f"Set omero.web.server_list to your OMERO.server, or {repairs}"
    )


def _repair(place: str) -> str:
    try:
        host, port = endpoint(*place.rsplit(":", 1))
    except ValueError:
        return f"correct {place}"
    if is_loopback(host):
        return f"start the OMERO.server of this host on port {port}"
    return f"open TCP port {port} of {host} to this host"


def connect(host: str, port: int, timeout: float = TIMEOUT) -> None:
    """Raise OSError unless one of the host's addresses accepts a TCP connection within the timeout.

    All addresses are tried at once, because Ice may try any of them first. The error is that of an
    address that this host can use, if there is one. timeout: seconds.
    """
    error = OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    unusable: OSError | None = None
    tried = False
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        for kind, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                one = stack.enter_context(socket.socket(kind, socket.SOCK_STREAM))
                one.setblocking(False)
                one.connect(address)
            except BlockingIOError:
                ready.register(one, selectors.EVENT_WRITE)
                tried = True
            except OSError as refusal:
                if refusal.errno in _UNUSABLE:
                    unusable = refusal
                else:
                    error, tried = refusal, True
            else:
                return
        end = time.monotonic() + timeout
        while ready.get_map() and (left := end - time.monotonic()) > 0:
            for key, _ in ready.select(left):
                number = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # type: ignore[union-attr]
                if not number:
                    return
                ready.unregister(key.fileobj)
                error = OSError(number, os.strerror(number))
    raise error if tried or unusable is None else unusable
