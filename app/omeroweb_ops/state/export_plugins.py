"""Export plugins of the catalogue as `web_plugins`, without what each adds itself. Pure: no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..property_names import APPS
from . import list_merge
from .plugin_catalogue import Plugin, catalogue
from .schema import Schema
from .schema_cache import LOCKED_APPS

Settings = dict[str, Any]  # of an inventory


@dataclass(frozen=True)
class Installed:
    """plugins: of the catalogue, whose apps a configuration has. others: its other apps."""

    plugins: Sequence[Plugin]
    others: Sequence[str]

    @property
    def has_own(self) -> bool:
        """Whether there is an app of which only the host knows the properties."""
        return not {*self.others} <= {*LOCKED_APPS}


def installed(current: Mapping[str, str]) -> Installed:
    """Return what a configuration's apps are. A former app of a plugin counts as the plugin's."""
    by_app = {app: each for each in catalogue().values() for app in (each.app, *each.former_apps)}
    apps = list_merge.stored(current.get(APPS)) or []
    plugins = dict.fromkeys(by_app[app].package for app in apps if app in by_app)
    others = [app for app in apps if app not in by_app]
    return Installed([catalogue()[name] for name in plugins], others)


def separate(
    settings: Settings,
    found: Installed,
    current: Mapping[str, str],
    schema: Schema,
    omerodir: Path,
) -> Settings:
    """Return settings with web_plugins, and without what these plugins add themselves.

    settings: web_config and web_config_append as without plugins. The result leads to the same
    configuration: what a plugin would add beyond it is in web_config_remove or web_config.
    """
    plugins, others = found.plugins, found.others
    if not plugins:
        return settings
    config, append = settings["web_config"], settings["web_config_append"]
    remove: Settings = {}
    config.pop(APPS, None)
    append |= {APPS: [*others]} if others else {}
    for name in dict.fromkeys(name for each in plugins for name in each.append):
        defaults = list_merge.stored(schema.default(name, omerodir)) or []
        brought = [item for each in plugins for item in each.append.get(name, ())]
        before = list_merge.stored(current[name]) or [] if name in current else defaults
        items = [_renamed(item, plugins, name) for item in before]
        own = [item for item in items[len(defaults) :] if item not in brought]
        config.pop(name, None)
        append.pop(name, None)
        if items == defaults:
            remove[name] = [list_merge.identity(item) for item in brought]
        elif items != [*defaults, *brought, *own]:
            config[name] = items
        elif own:
            append[name] = own
    for name, value in [pair for each in plugins for pair in each.set.items()]:
        if name not in current:
            default = schema[name].value(schema.default(name, omerodir) or "")
            config[name] = default
        elif config.get(name) == value:
            del config[name]
    names = [each.package for each in plugins]
    return {"web_plugins": names, **settings, "web_config_remove": remove}


def _renamed(item: Any, plugins: Sequence[Plugin], name: str) -> Any:
    """Return the plugin's own item in place of the item of its former app."""
    for each in plugins:
        for own in each.append.get(name, ()):
            text = json.dumps(item)
            same = list_merge.identity(own) == list_merge.identity(item)
            if same and any(app in text for app in each.former_apps):
                return own
    return item
