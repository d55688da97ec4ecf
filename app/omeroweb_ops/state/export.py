"""Export an existing configuration in the form of an inventory. Pure: no I/O."""

from __future__ import annotations

import json
import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..login_page import path_prefix
from ..property_names import CACHES, PREFIX, PUBLIC_ENABLED, PUBLIC_GET_ONLY, PUBLIC_URL_FILTER
from ..shared.addresses import is_loopback
from . import export_plugins, plugin_catalogue, public_views
from .list_merge import own_items
from .redaction import as_data, secret_texts
from .schema import Property, Schema


@dataclass(frozen=True)
class Exported:
    """settings: of an inventory, as {"web_config": …}. secrets: texts by property.

    unread: properties that neither OMERO.web nor a plugin of the catalogue has. own_redis: whether
    caches in a Redis of the same host are left out, whose port the bundle's Redis takes. closed:
    views that the exported URL filter does not open to the public any more.
    """

    settings: dict[str, Any]
    secrets: dict[str, str]
    unread: list[str]
    own_redis: bool
    closed: tuple[public_views.View, ...]


def export(current: Mapping[str, str], schema: Schema, omerodir: Path) -> Exported:
    """Return the settings that lead to a configuration.

    A default list with added items becomes web_config_append, so that an upgrade's new default
    items will appear. Properties that equal their default are omitted. A deploy would refuse an
    unread property, unless an app outside the catalogue has it, of which only the host knows.
    """
    installed = export_plugins.installed(current)
    schema = plugin_catalogue.with_properties(schema, installed.plugins)
    config: dict[str, Any] = {}
    append: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    own_redis = _in_redis_of_the_host(current.get(CACHES, "{}"))
    unread = [] if installed.has_own else sorted(current.keys() - schema.keys())
    for name, text in sorted(current.items()):
        if name in unread or (name == CACHES and own_redis):
            continue
        prop = schema.get(name) or Property(name, "string", None, "")
        default = schema.default(name, omerodir) if name in schema else None
        if prop.same(text, default):
            continue
        if prop.is_secret or any(secret_texts(as_data(text))):
            secrets[name] = text
        elif (added := _added(text, default, prop)) is not None:
            append[name] = added
        else:
            config[name] = value(prop, text)
    closed: tuple[public_views.View, ...] = ()
    if PUBLIC_URL_FILTER in config and config.get(PUBLIC_ENABLED) is True:
        config[PUBLIC_URL_FILTER], closed = public_views.closed(
            str(config[PUBLIC_URL_FILTER]),
            path_prefix(config.get(PREFIX)),
            get_only=config.get(PUBLIC_GET_ONLY) is not False,
        )
    settings = {"web_config": config, "web_config_append": append}
    settings = export_plugins.separate(settings, installed, current, schema, omerodir)
    return Exported(
        {name: each for name, each in settings.items() if each}, secrets, unread, own_redis, closed
    )


def value(prop: Property, text: str) -> Any:
    """Return a stored text as Python data, or unchanged if no data have the same meaning."""
    if prop.kind == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    return prop.value(text)


def _added(text: str, default: str | None, prop: Property) -> list[Any] | None:
    """Return the items after the default's, if nothing else differs; else None."""
    items, defaults = value(prop, text), value(prop, default or "[]")
    if not isinstance(items, list) or not isinstance(defaults, list) or not defaults:
        return None
    count = len(defaults)
    if items[:count] != defaults or own_items(prop.name, text, defaults) != items[count:]:
        return None
    return items[count:]


def _in_redis_of_the_host(text: str) -> bool:
    """Return whether all caches are in a Redis that the same host reaches by TCP."""
    try:
        caches = json.loads(text)
        places = [urlsplit(each["LOCATION"]) for each in caches.values()]
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return bool(places) and all(
        each.scheme == "redis" and is_loopback(each.hostname or "") for each in places
    )


def written(settings: Mapping[str, Any]) -> str:
    """Return the settings as lines of an inventory."""
    return "".join(
        f'"{name}": {pprint.pformat(content, width=96, sort_dicts=False)},\n'
        for name, content in settings.items()
    )
