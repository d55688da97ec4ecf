"""Say what to write instead of a setting that does not exist. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from .secrets_file import OF_THE_BUNDLE, SCHEMA

# Variables of the Ansible role ome.omero_web; docs/from-ansible.md has all of them.
_OF_THE_ROLE = {
    "omero_web_always_reset_config": "web_config_exclusive",
    "omero_web_apps_config_append": "web_config_append",
    "omero_web_apps_config_set": "web_config",
    "omero_web_apps_names": "web_plugins",
    "omero_web_apps_packages": "web_plugins",
    "omero_web_config_append": "web_config_append",
    "omero_web_config_set": "web_config",
    "omero_web_python_addons": "web_requirements",
    "omero_web_release": "web_requirements",
    "omero_web_systemd_limit_nofile": "web_open_files",
}


def message(name: str, settings: Collection[str]) -> str:
    """Return the error about a setting that does not exist.

    settings: the names that exist. A property of OMERO.web, a secret and a variable of the Ansible
    role have another place.
    """
    if name.startswith("omero."):
        return f'is an OMERO.web property; set web_config = {{"{name}": …}}'
    if name in OF_THE_BUNDLE:
        return f"belongs in the file that web_secrets names; set it there: `{name}: …`"
    if name in _OF_THE_ROLE:
        return f"is a variable of the Ansible role; the setting is {_OF_THE_ROLE[name]}"
    if prop := _property(name):
        return f'is a property of OMERO.web: set web_config = {{"{prop}": …}}'
    close = difflib.get_close_matches(name, settings, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else "possible: " + ", ".join(settings)
    return f"there is no such setting; {hint}"


def _property(name: str) -> str | None:
    """Return the property whose name is meant by `web_debug` or `web_ui_top_links`."""
    meant = f"omero_web_{name.removeprefix('omero_').removeprefix('web_')}"
    return next((each for each in SCHEMA if each.replace(".", "_") == meant), None)
