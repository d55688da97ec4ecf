"""Read the schema from the installed omero-web: `python -m omeroweb_ops.state.installed`.

Importing `omeroweb.settings` makes a log folder and a secret key, so it is done with a scratch
OMERODIR and never in a live one.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from importlib.metadata import version
from typing import Any

_KINDS = {
    "parse_boolean": "boolean",
    "int": "integer",
    "leave_none_unset_int": "integer",
    "compile": "regex",
    "check_server_type": "choice",
    "check_session_engine": "choice",
}
# Read by omeroweb.settings beside its mappings, as the default host of omero.web.server_list.
_HOSTS = ("omero.master.host", "Ice.Default.Host")


def read() -> dict[str, Any]:
    """The installed release's schema as JSON data; see `schema.Property` for the fields."""
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["OMERODIR"] = scratch
        import omeroweb.settings as settings

        mappings = (
            (settings.INTERNAL_SETTINGS_MAPPING, False),
            (settings.CUSTOM_SETTINGS_MAPPINGS, False),
            (settings.DEVELOPMENT_SETTINGS_MAPPINGS, False),
            (settings.DEPRECATED_SETTINGS_MAPPINGS, True),
        )
        choices = {
            "check_server_type": settings.ALL_SERVER_TYPES,
            "check_session_engine": settings.SESSION_ENGINE_VALUES,
        }
        properties = [
            _describe(name, entry, choices, deprecated, scratch)
            for mapping, deprecated in mappings
            for name, entry in mapping.items()
        ]
    properties += [
        {"name": name, "kind": "string", "default": None,
         "description": "Host of the OMERO.server that omero.web.server_list names by default."}
        for name in _HOSTS
    ]  # fmt: skip
    return {
        "omero-web": version("omero-web"),
        "properties": sorted(properties, key=lambda entry: str(entry["name"])),
    }


def _describe(
    name: str, entry: list[Any], choices: dict[str, Any], deprecated: bool, scratch: str
) -> dict[str, Any]:
    _global_name, default, mapping, description = entry[:4]
    function = mapping.__name__
    text = None if default is None else str(default).replace(scratch, "${OMERODIR}")
    kind = _KINDS.get(function, "string")
    if function in ("loads", "parse_paths"):
        kind = "object" if str(default).startswith("{") else "list"
    elif isinstance(default, int):
        kind = "integer"  # omero.mail.port has no mapping function of its own
    described: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "default": text,
        "description": description or "",
    }
    if function in choices:
        described["choices"] = list(choices[function])
    if deprecated:
        described["deprecated"] = True
    return described


if __name__ == "__main__":
    json.dump(read(), sys.stdout, indent=1, ensure_ascii=False)
    print()
