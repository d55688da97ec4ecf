"""Find the login page of OMERO.web on its own host: address, path, Host header, what works.

omero.web.login_view names another login page than OMERO.web's own, for single sign-on for example.
Only the running OMERO.web knows the path of that view, so its workers write the path to a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .locations import Locations
from .property_names import HOST, PORT, PREFIX
from .shared import regular_file
from .shared.addresses import canonical, url_host

LOGIN = "/webclient/login/"  # OMERO.web's own
_PATH_SIZE = 2_000  # bytes


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
    bound = [canonical(part.removeprefix("-")) for part in listening.split()]
    everywhere = {"127.0.0.1", "0.0.0.0", "localhost", "::"} & {*bound}
    return "127.0.0.1" if everywhere else bound[0]


def host_header(allowed: Sequence[str]) -> str:
    """Return a name that OMERO.web answers to; it answers any other name with 400."""
    return next((name.lstrip(".") for name in allowed if name != "*"), "localhost")


def path(locations: Locations) -> str:
    """Return the login page's path without the prefix, as the workers have written it."""
    try:
        found = regular_file.read_text(locations.login_path, limit=_PATH_SIZE)
    except (OSError, ValueError):
        return LOGIN
    return found if found.startswith("/") and found.isascii() and found.isprintable() else LOGIN


def view_path() -> str:
    """Return the path of omero.web.login_view without the prefix, in a running Django.

    Raises django.urls.NoReverseMatch.
    """
    from django.conf import settings
    from django.urls import get_script_prefix, reverse, set_script_prefix

    before = get_script_prefix()
    set_script_prefix("/")
    try:
        return str(reverse(settings.LOGIN_VIEW))
    finally:
        set_script_prefix(before)


def works(status: int, path: str) -> bool:
    """Return whether an answer is that of a login page that works.

    A redirect leads to an identity provider, or to another page of the login. Another login page
    than OMERO.web's own may also refuse a request that its proxy has not authenticated.
    """
    return 200 <= status < 400 or (status in (401, 403) and not path.endswith(LOGIN))
