"""Recognise the properties of OMERO.server, which OMERO.web does not read."""

from __future__ import annotations

from ..state.schema import Schema

# The second part of the names in OMERO.server's etc/omero.properties (ome/openmicroscopy).
_CATEGORIES = frozenset(
    {"checksum", "client", "cluster", "data", "db", "fs", "glacier2", "grid", "jvmcfg", "launcher"}
    | {"ldap", "mail", "managed", "metrics", "pixeldata", "policy", "ports", "process", "qa"}
    | {"query", "scripts", "search", "security", "server", "sessions", "threads", "throttling"}
    | {"upgrades"}
)


def is_of_server(name: str, schema: Schema) -> bool:
    """Return whether only OMERO.server reads a property. Both read some, like omero.mail.host."""
    if name in schema:
        return False
    first, *others = name.split(".")
    return first in ("Ice", "IceSSL") or (first == "omero" and bool({*others[:1]} & _CATEGORIES))
