"""Read a container's configuration from variables and `*.omero` files, as in the official image.

https://github.com/ome/omero-web-docker: files first, then variables, then OMEROHOST.
CONFIG_omero_web_debug=true sets omero.web.debug; a single underscore stands for a dot, a double one
for an underscore. OMEROHOST names the OMERO.server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..locations import READY_NEEDS_SERVER
from ..property_names import APPS, SERVER_LIST
from ..shared.addresses import canonical, is_ipv6
from ..shared.finding import Finding
from ..state.desired import Desired
from ..state.schema import Schema
from . import session_settings, site_settings
from .omero_files import Commands
from .server_properties import is_of_server

VARIABLE_PREFIX = "CONFIG_"
OMEROHOST = "OMEROHOST"
NAMES = (OMEROHOST, READY_NEEDS_SERVER, site_settings.IMAGE_PLUGINS, *site_settings.NAMES)


def is_variable(name: str) -> bool:
    """Return whether a variable of this name configures the container."""
    return name.startswith(VARIABLE_PREFIX) or name in NAMES


def is_secret(name: str) -> bool:
    """Return whether a variable of this name may have a secret."""
    return name.startswith((VARIABLE_PREFIX, session_settings.PASSWORD))


def read(
    variables: Mapping[str, str], files: Mapping[str, str], schema: Schema
) -> tuple[Desired, list[Finding]]:
    """Return the desired state, every error, and a warning for each property that is left out.

    files: name to content; a later file overrides an earlier file.
    """
    commands = Commands(schema)
    commands.load(files)
    own = {
        decode(name): value for name, value in variables.items() if name.startswith(VARIABLE_PREFIX)
    }
    for name, value in own.items():
        commands.set(name, value)
    host = variables.get(OMEROHOST)
    if host:
        name = f'"{canonical(host)}"' if is_ipv6(host) else host  # as Ice takes it
        commands.set(SERVER_LIST, [[name, 4064, "omero"]])
    desired = commands.desired()
    findings = [*commands.findings, *_of_variables(own, variables)]
    names = {*desired.set, *desired.append, *desired.remove}
    foreign = {name for name in names if is_of_server(name, schema)}
    for name in sorted(foreign):
        subject = encode(name) if name in own else name
        message = "is a property of OMERO.server, which OMERO.web does not read; it is left out"
        findings.append(Finding(subject, message, severity="warning"))
    unknown = {name for name in own if name not in schema} - foreign
    if APPS in names:
        unknown = set()  # may be properties of the site's own apps, which the state engine knows
    findings += [_unknown(name, schema) for name in sorted(unknown)]
    left_out = foreign | unknown
    return desired.select(lambda name: name not in left_out), findings


def _of_variables(own: Mapping[str, str], variables: Mapping[str, str]) -> Iterator[Finding]:
    if variables.get(OMEROHOST) and SERVER_LIST in own:
        yield Finding(OMEROHOST, f"contradicts {encode(SERVER_LIST)}; set only one of them")
    if variables.get(READY_NEEDS_SERVER, "false") not in ("true", "false"):
        yield Finding(READY_NEEDS_SERVER, "must be true or false")


def _unknown(name: str, schema: Schema) -> Finding:
    near = schema.nearest(name)
    hint = f"did you mean {encode(near)}?" if near else "see OMERO.web's configuration"
    return Finding(encode(name), f"OMERO.web has no {name}; {hint}")


def decode(variable: str) -> str:
    """CONFIG_omero_web_server__list is omero.web.server_list."""
    return variable.removeprefix(VARIABLE_PREFIX).replace("_", ".").replace("..", "_")


def encode(name: str) -> str:
    """Return the variable that sets a property."""
    return VARIABLE_PREFIX + name.replace("_", "__").replace(".", "_")
