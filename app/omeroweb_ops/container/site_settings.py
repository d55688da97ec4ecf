"""Read the variables that are named like settings of the inventory, with the same checks.

WEB_PLUGINS, WEB_CORS_ORIGINS, WEB_CORS_LOGIN, and for web_branding WEB_BRANDING_LOGIN_LOGO,
WEB_BRANDING_TOP_LOGO, WEB_BRANDING_INDEX_TEMPLATE and WEB_BRANDING_TEMPLATE_DIRS.
A list is JSON, or words with spaces or commas between them.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from ..property_names import CORS_ORIGIN_ALLOW_ALL, CORS_ORIGIN_WHITELIST, INDEX_TEMPLATE
from ..shared import uploads
from ..shared.finding import Finding
from ..shared.origins import origin
from ..state import branding_files, plugin_catalogue
from ..state.branding import LOGOS
from ..state.desired import Desired
from ..state.plugin_catalogue import Plugin

PLUGINS = "WEB_PLUGINS"
IMAGE_PLUGINS = "OMEROWEB_PLUGINS"  # those that the image was built with
CORS_ORIGINS, CORS_LOGIN = "WEB_CORS_ORIGINS", "WEB_CORS_LOGIN"
_INDEX_TEMPLATE, _TEMPLATE_DIRS = "WEB_BRANDING_INDEX_TEMPLATE", "WEB_BRANDING_TEMPLATE_DIRS"
_LOGOS = {f"WEB_BRANDING_{name.upper()}": name for name in LOGOS}
_BRANDED = {
    **{variable: LOGOS[name] for variable, name in _LOGOS.items()},
    _INDEX_TEMPLATE: INDEX_TEMPLATE,
}
NAMES = (PLUGINS, CORS_ORIGINS, CORS_LOGIN, *_BRANDED, _TEMPLATE_DIRS)
# A service called "web" gives each container of Kubernetes variables WEB_PORT, WEB_SERVICE_HOST, …
_OURS = re.compile(r"WEB_(PLUGIN|CORS|BRANDING)")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class SiteSettings:
    """What the variables say.

    branding: files as in `state.branding.Branding`; branded: the properties that they set, by
    the variable that names the file.
    """

    plugins: tuple[Plugin, ...] = ()
    cors_origins: tuple[str, ...] = ()
    cors_login: bool = False
    branding: Mapping[str, bytes] = field(default_factory=dict)
    branded: Mapping[str, str] = field(default_factory=dict)


def read(variables: Mapping[str, str]) -> tuple[SiteSettings, list[Finding]]:
    """Return the settings and every error. A wrong value is left out."""
    return (reader := _Reader(variables)).settings(), reader.findings


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
    for variable, name in settings.branded.items():
        if name in explicit.set:
            yield Finding(variable, f"contradicts {name}; set only one of them")


class _Reader:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.findings = [
            Finding(name, f"there is no such variable; {_nearest(name)}")
            for name in variables
            if _OURS.match(name) and name not in NAMES
        ]

    def settings(self) -> SiteSettings:
        own = PLUGINS if PLUGINS in self._variables else IMAGE_PLUGINS
        login = self._variables.get(CORS_LOGIN) or "false"
        if login not in ("true", "false"):
            self.findings.append(Finding(CORS_LOGIN, "must be true or false"))
        logos = {
            name: self._checked(variable, self._text(variable), uploads.picture)
            for variable, name in _LOGOS.items()
        }
        index = self._checked(_INDEX_TEMPLATE, self._text(_INDEX_TEMPLATE), uploads.template)
        folders = self._list(_TEMPLATE_DIRS, uploads.template_folder)
        return SiteSettings(
            self._list(own, plugin_catalogue.lookup),
            self._list(CORS_ORIGINS, origin),
            login == "true",
            branding_files.read(logos, index, folders),
            {variable: name for variable, name in _BRANDED.items() if self._text(variable)},
        )

    def _text(self, name: str) -> str | None:
        return self._variables.get(name) or None

    def _list(self, name: str, check: Callable[[str], _Value]) -> tuple[_Value, ...]:
        checked = [self._checked(name, word, check) for word in self._words(name)]
        return tuple(value for value in checked if value is not None)

    def _words(self, name: str) -> list[str]:
        text = self._variables.get(name, "").strip()
        if not text.startswith("["):
            return text.replace(",", " ").split()
        try:
            words = json.loads(text)
        except ValueError as error:
            self.findings.append(Finding(name, f"is not JSON ({error})"))
            return []
        if not all(isinstance(word, str) for word in words):
            self.findings.append(Finding(name, 'must be a list of texts, like ["a", "b"]'))
            return []
        return list(words)

    def _checked(
        self, name: str, text: str | None, check: Callable[[str], _Value]
    ) -> _Value | None:
        try:
            return None if text is None else check(text)
        except (OSError, ValueError) as error:
            self.findings.append(Finding(name, str(error)))
            return None


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"possible: {', '.join(NAMES)}"
