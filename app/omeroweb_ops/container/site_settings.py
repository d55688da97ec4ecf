"""Read the variables that are named like settings of the inventory, with the same checks.

WEB_PLUGINS, WEB_CORS_ORIGINS, WEB_CORS_LOGIN, and for web_branding WEB_BRANDING_LOGIN_LOGO,
WEB_BRANDING_TOP_LOGO, WEB_BRANDING_INDEX_TEMPLATE and WEB_BRANDING_TEMPLATE_DIRS; and those of
`front_settings`, `session_settings` and `process_settings`.
"""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ..property_names import CORS_ORIGIN_ALLOW_ALL, CORS_ORIGIN_WHITELIST, INDEX_TEMPLATE
from ..shared import uploads
from ..shared.finding import Finding
from ..shared.front_door import FrontDoor
from ..shared.origins import origin
from ..state import branding_files, plugin_catalogue
from ..state.branding import LOGOS
from ..state.desired import Desired
from ..state.plugin_catalogue import Plugin
from . import front_settings, process_settings, session_settings
from .session_settings import SessionStore
from .variable_reader import VariableReader

PLUGINS = "WEB_PLUGINS"
IMAGE_PLUGINS = "OMEROWEB_PLUGINS"  # those that the image was built with
CORS_ORIGINS, CORS_LOGIN = "WEB_CORS_ORIGINS", "WEB_CORS_LOGIN"
_INDEX_TEMPLATE, _TEMPLATE_DIRS = "WEB_BRANDING_INDEX_TEMPLATE", "WEB_BRANDING_TEMPLATE_DIRS"
_LOGOS = {f"WEB_BRANDING_{name.upper()}": name for name in LOGOS}
_BRANDED = {
    **{variable: LOGOS[name] for variable, name in _LOGOS.items()},
    _INDEX_TEMPLATE: INDEX_TEMPLATE,
}
_OWN = (PLUGINS, CORS_ORIGINS, CORS_LOGIN, *_BRANDED, _TEMPLATE_DIRS)
NAMES = (*_OWN, *front_settings.NAMES, *session_settings.NAMES, *process_settings.NAMES)
# Any other variable may be a program's: a service called "web" gives each container of Kubernetes
# variables WEB_PORT, WEB_SERVICE_HOST, …
_OURS = re.compile(r"WEB_(PLUGIN|CORS|BRANDING)")
# NGINX checks its own: all containers of a site may have the same variables.
_OF_NGINX = "NGINX_"


@dataclass(frozen=True)
class SiteSettings:
    """What the variables say.

    branding: files as in `state.branding.Branding`; branded: the properties that they set, by
    the variable that names the file; processes: the variables of `process_settings`.
    """

    plugins: tuple[Plugin, ...] = ()
    cors_origins: tuple[str, ...] = ()
    cors_login: bool = False
    branding: Mapping[str, bytes] = field(default_factory=dict)
    branded: Mapping[str, str] = field(default_factory=dict)
    front: FrontDoor = field(default_factory=FrontDoor)
    sessions: SessionStore = field(default_factory=SessionStore)
    processes: Mapping[str, str] = field(default_factory=dict)


def read(variables: Mapping[str, str]) -> tuple[SiteSettings, list[Finding]]:
    """Return the settings and every error. A wrong value is left out."""
    reader = VariableReader(variables)
    logos = {name: reader.value(variable, uploads.picture) for variable, name in _LOGOS.items()}
    settings = SiteSettings(
        reader.items(PLUGINS if reader.has(PLUGINS) else IMAGE_PLUGINS, plugin_catalogue.lookup),
        reader.items(CORS_ORIGINS, origin),
        reader.boolean(CORS_LOGIN),
        branding_files.read(
            logos,
            reader.value(_INDEX_TEMPLATE, uploads.template),
            reader.items(_TEMPLATE_DIRS, uploads.template_folder),
        ),
        {variable: name for variable, name in _BRANDED.items() if reader.text(variable)},
        front_settings.read(reader),
        session_settings.read(reader),
        process_settings.read(reader),
    )
    return settings, [*_unknown(variables), *reader.findings]


def missing(settings: SiteSettings) -> Iterator[tuple[str, Finding]]:
    """Return the names of the plugins that the image does not have, each with an error."""
    for plugin in settings.plugins:
        if importlib.util.find_spec(plugin.app.partition(".")[0]) is None:
            reason = f"{plugin.package} is not in this image"
            advice = f'build it with --build-arg PLUGINS="{plugin.package}", or remove the name'
            yield plugin.package, Finding(PLUGINS, f"{reason}; {advice}")


def contradictions(settings: SiteSettings, explicit: Desired) -> Iterator[Finding]:
    """Find variables that contradict a property."""
    if settings.cors_origins:
        for name in (CORS_ORIGIN_WHITELIST, CORS_ORIGIN_ALLOW_ALL):
            if name in explicit.set:
                yield Finding(CORS_ORIGINS, f"contradicts {name}; set only one of them")
    elif settings.cors_login:
        yield Finding(CORS_LOGIN, f"needs {CORS_ORIGINS}; set the origins, or remove it")
    yield from session_settings.contradictions(settings.sessions, explicit)
    for variable, name in settings.branded.items():
        if name in explicit.set:
            yield Finding(variable, f"contradicts {name}; set only one of them")


def _unknown(names: Iterable[str]) -> Iterator[Finding]:
    for name in names:
        if name.startswith(_OF_NGINX):
            continue
        near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.6 if _OURS.match(name) else 0.9)
        if name not in NAMES and (near or _OURS.match(name)):
            hint = f"did you mean {near[0]}?" if near else f"possible: {', '.join(_OWN)}"
            yield Finding(name, f"there is no such variable; {hint}")
