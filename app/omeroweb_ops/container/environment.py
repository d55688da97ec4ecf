"""Read a container's configuration from variables and `*.omero` files, as in the official image.

https://github.com/ome/omero-web-docker: CONFIG_omero_web_debug=true sets omero.web.debug; a single
underscore stands for a dot, a double one for an underscore. OMEROHOST names the OMERO.server.

CONFIG_omero_web_secret__key_FILE=/run/secrets/key reads the value from a file, as Docker and
Kubernetes mount secrets.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..locations import READY_NEEDS_SERVER
from ..property_names import APPS, SERVER_LIST
from ..shared.finding import Finding
from ..state.desired import Desired
from ..state.plugin_catalogue import Plugin, catalogue
from ..state.schema import Schema

VARIABLE_PREFIX = "CONFIG_"
IN_FILE = "_FILE"  # no property has capitals in its name
PLUGINS_VARIABLE = "OMEROWEB_PLUGINS"  # names of the plugins with which the image was built


def from_files(variables: Mapping[str, str]) -> tuple[dict[str, str], list[str], list[Finding]]:
    """Replace each …_FILE variable by its file's content, without the last newline.

    Returns the variables, the names of the properties from files, which are secret, and every
    error.
    """
    found = dict(variables)
    secret: list[str] = []
    findings: list[Finding] = []
    for name, path in variables.items():
        if not (name.startswith(VARIABLE_PREFIX) and name.endswith(IN_FILE)):
            continue
        own = name.removesuffix(IN_FILE)
        del found[name]
        if own in variables:
            findings.append(Finding(name, f"contradicts {own}; set only one of them"))
            continue
        secret.append(decode(own))
        try:
            found[own] = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            findings.append(Finding(name, f"{path} cannot be read ({error})"))
    return found, secret, findings


def read(
    variables: Mapping[str, str], files: Mapping[str, str], schema: Schema
) -> tuple[Desired, list[Finding]]:
    """Return the desired state and every error. A variable overrides files.

    files: name to content; a later file overrides an earlier file.
    """
    found = _Collected()
    for name, text in files.items():
        for number, line in enumerate(text.splitlines(), 1):
            found.command(line, f"{name} line {number}")
    from_variables = {
        decode(name): value for name, value in variables.items() if name.startswith(VARIABLE_PREFIX)
    }
    plugins = APPS in {*found.set, *found.append, *from_variables}
    for name in from_variables:
        if name not in schema and not plugins:
            near = schema.nearest(name)
            hint = f"did you mean {encode(near)}?" if near else "see OMERO.web's configuration"
            found.findings.append(Finding(encode(name), f"OMERO.web has no {name}; {hint}"))
    for name in from_variables:
        found.append.pop(name, None)
        found.remove.pop(name, None)
    found.set.update(from_variables)
    host = variables.get("OMEROHOST")
    if host:
        if SERVER_LIST in found.set:
            found.findings.append(
                Finding("OMEROHOST", f"contradicts {SERVER_LIST}; set only one of them")
            )
        found.set[SERVER_LIST] = [[host, 4064, "omero"]]
    if variables.get(READY_NEEDS_SERVER, "false") not in ("true", "false"):
        found.findings.append(Finding(READY_NEEDS_SERVER, "must be true or false"))
    return Desired(found.set, found.append, found.remove), found.findings


def plugins(variables: Mapping[str, str]) -> tuple[tuple[Plugin, ...], list[Finding]]:
    """Return the requested plugins of the catalogue, and an error for each unknown name."""
    names = variables.get(PLUGINS_VARIABLE, "").split()
    unknown = [name for name in names if name not in catalogue()]
    known = f"the catalogue has {', '.join(catalogue())}"
    return (
        tuple(catalogue()[name] for name in names if name not in unknown),
        [Finding(PLUGINS_VARIABLE, f"there is no {name}; {known}") for name in unknown],
    )


def decode(variable: str) -> str:
    """Return a variable's property: CONFIG_omero_web_server__list is omero.web.server_list."""
    return variable.removeprefix(VARIABLE_PREFIX).replace("_", ".").replace("..", "_")


def encode(name: str) -> str:
    """Return the variable that sets a property."""
    return VARIABLE_PREFIX + name.replace("_", "__").replace(".", "_")


class _Collected:
    """Collects the commands of `*.omero` files, one in a line, as `omero load` does."""

    def __init__(self) -> None:
        self.set: dict[str, Any] = {}
        self.append: dict[str, list[Any]] = {}
        self.remove: dict[str, list[Any]] = {}
        self.findings: list[Finding] = []

    def command(self, line: str, where: str) -> None:
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            self.findings.append(Finding(where, f"cannot be read ({error})"))
            return
        if not words:
            return
        options = [word for word in words[2:] if word != "--"]
        match words[:2], options:
            case ["config", "set"], [name]:
                self.set.pop(name, None)
            case ["config", "set"], [name, value]:
                self.set[name] = value
            case ["config", ("append" | "remove") as action], [name, value]:
                self._item(action, name, value, where)
            case _:
                self.findings.append(
                    Finding(where, "must be config set, append or remove of one value; remove it")
                )

    def _item(self, action: str, name: str, value: str, where: str) -> None:
        try:
            item = json.loads(value)
        except ValueError as error:
            self.findings.append(Finding(where, f"{name}: the item is not JSON ({error})"))
            return
        chosen = self.append if action == "append" else self.remove
        chosen.setdefault(name, []).append(item)
