"""Match host names by a site's names, as NGINX's server_name has them. Pure.

https://nginx.org/en/docs/http/server_names.html: exact names, *.example.org and .example.org.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LOCAL = ("localhost", "127.0.0.1", "[::1]")
_LABELS = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*"


def is_open(names: Sequence[str]) -> bool:
    """Return whether any host name matches: no name, `_`, or a name that ends with a wildcard."""
    return not names or any(name == "_" or name.endswith("*") for name in names)


def pattern(names: Sequence[str]) -> str:
    """Return a regular expression, to be used without case, of the host names that match."""
    return "|".join(map(_pattern, names))


def _pattern(name: str) -> str:
    if name.startswith("*."):
        return rf"{_LABELS}\.{re.escape(name[2:])}"
    if name.startswith("."):
        return rf"(?:{_LABELS}\.)?{re.escape(name[1:])}"
    return re.escape(name)


def canonical(names: Sequence[str]) -> str:
    """Return the host name to use for a request that has none of the names."""
    concrete = (name for name in names if name != "_" and name[:1] not in "*." and name[-1:] != "*")
    return next(concrete, LOCAL[0])


def allowed_hosts(names: Sequence[str]) -> list[str]:
    """Return the names for Django's ALLOWED_HOSTS, lower-case; none if any name matches."""
    if is_open(names):
        return []
    found = [name.removeprefix("*").lower() for name in names]
    return list(dict.fromkeys([*found, *LOCAL]))
