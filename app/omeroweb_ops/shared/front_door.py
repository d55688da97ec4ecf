"""What visitors use of an NGINX, and what OMERO.web must know of it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import server_names

HTTPS_PORT = 443


@dataclass(frozen=True)
class FrontDoor:
    """One NGINX as its visitors reach it.

    names: of NGINX's server_name. has_tls: whether NGINX has a certificate. https_port: NGINX's.
    proxy_tls: whether visitors reach a proxy in front of NGINX over HTTPS; None without a proxy.
    """

    names: tuple[str, ...] = ()
    has_tls: bool = False
    https_port: int = HTTPS_PORT
    proxy_tls: bool | None = None

    @property
    def tls(self) -> bool:
        """Whether visitors use https."""
        return self.has_tls if self.proxy_tls is None else self.proxy_tls

    @property
    def port(self) -> str:
        """The port as an https URL has it; a proxy in front has the default one."""
        is_default = self.proxy_tls is not None or self.https_port == HTTPS_PORT
        return "" if is_default else f":{self.https_port}"


def origins(doors: Iterable[FrontDoor]) -> tuple[str, ...]:
    """Return the origins of OMERO.web's own pages, as browsers send them; none without TLS."""
    return tuple(
        f"https://{name}{door.port}"
        for door in doors
        if door.tls
        for name in door.names
        if name != "_" and "*" not in name and not name.startswith(".")
    )


def allowed_hosts(doors: Iterable[FrontDoor]) -> tuple[str, ...]:
    """Return the names that OMERO.web answers to; none if an NGINX takes any name."""
    names = [door.names for door in doors]
    if any(map(server_names.is_open, names)):
        return ()
    return tuple(server_names.allowed_hosts([name for each in names for name in each]))
