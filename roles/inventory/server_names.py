"""The names of a site, as NGINX's server_name has them, and the hosts that they stand for. Pure.

https://nginx.org/en/docs/http/server_names.html: exact names, *.example.org and .example.org.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LOCAL = ("localhost", "127.0.0.1", "[::1]")
_LABELS = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"


def is_open(names: Sequence[str]) -> bool:
    """Whether any name will do: none is set, `_`, or one that ends with a wildcard."""
    return not names or any(name == "_" or name.endswith("*") for name in names)


def pattern(names: Sequence[str]) -> str:
    """A regular expression, for lower and upper case, of the host names that the names allow."""
    return "|".join(map(_pattern, names))


def _pattern(name: str) -> str:
    if name.startswith("*."):
        return rf"{_LABELS}\.{re.escape(name[2:])}"
    if name.startswith("."):
        return rf"(?:{_LABELS}\.)?{re.escape(name[1:])}"
    return re.escape(name)


def canonical(names: Sequence[str]) -> str:
    """The name by which OMERO.web is asked for where a request names none of them."""
    return next((name for name in names if name[0] not in "*."), LOCAL[0])


def allowed_hosts(names: Sequence[str]) -> list[str]:
    """The names as Django's ALLOWED_HOSTS has them, lower-case; none where any name will do."""
    if is_open(names):
        return []
    found = [name.removeprefix("*").lower() for name in names]
    return list(dict.fromkeys([*found, *LOCAL]))
